import Foundation
import TestSupport
import Testing

/// Rules for what surrounds the code.
@Suite("Rules of the package")
struct PackageRulesTests {
    @Test("SwiftNIO is not among the resolved dependencies")
    func noSwiftNIO() throws {
        let identities = try Self.resolvedIdentities()
        // An empty list, or one without what Package.swift names, would be a file of another shape than expected.
        #expect(identities.contains("swift-argument-parser") && identities.contains("swift-http-types"))
        #expect(identities.filter { $0.hasPrefix("swift-nio") } == [])
    }

    /// Identities of all packages, indirect ones too, from Package.resolved, else from the build folder's state.
    private static func resolvedIdentities() throws -> Set<String> {
        let candidates = ["Package.resolved", ".build/workspace-state.json"]
        for name in candidates {
            guard let data = FileManager.default.contents(atPath: "\(Paths.root)/\(name)") else { continue }
            let root = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            let pins = root["pins"] as? [[String: Any]] ?? []
            let dependencies = (root["object"] as? [String: Any])?["dependencies"] as? [[String: Any]] ?? []
            let references = pins + dependencies.compactMap { $0["packageRef"] as? [String: Any] }
            return Set(references.compactMap { $0["identity"] as? String })
        }
        throw CocoaError(.fileNoSuchFile, userInfo: [NSFilePathErrorKey: candidates.joined(separator: ", ")])
    }

    @Test("the licence is Apache-2.0")
    func licence() throws {
        let text = try Repository.file("LICENSE").lines.joined(separator: " ")
        #expect(text.contains("Apache License") && text.contains("Version 2.0, January 2004"))
        #expect(text.contains("TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION"))
    }

    @Test("docs show every subcommand")
    func commands() throws {
        let text = try Repository.file("docs/command-line.md").lines.joined(separator: "\n")
        let commands = try Repository.files(in: "Sources/vigil/Commands", endings: ["Command.swift"]).flatMap { file in
            file.lines.compactMap { line in
                line.components(separatedBy: "commandName: \"").dropFirst().first?.prefix { $0 != "\"" }
            }
        }
        #expect(commands.count >= 4, "too few commands were found for the rule to mean anything")
        for command in commands {
            let spellings = ["", "config ", "keys ", "state ", "store "].map { "vigil \($0)\(command)" }
            #expect(spellings.contains { text.contains($0) }, "docs/command-line.md lacks vigil \(command)")
        }
    }

    @Test("what README and the pages of docs link to is there, the heading too")
    func links() throws {
        let docs = try FileManager.default.contentsOfDirectory(atPath: "\(Paths.root)/docs")
        for page in ["README.md"] + docs.filter({ $0.hasSuffix(".md") }).map({ "docs/\($0)" }) {
            let folder = page.hasPrefix("docs/") ? "docs" : "."
            let text = try Manual.page(page).replacing(#/(?s)```.*?```|`[^`\n]*`/#, with: "")
            for link in text.matches(of: #/\]\((?<target>[^)\s]+)\)/#).map({ String($0.target) }) {
                guard !link.contains("://") else { continue }
                let parts = link.split(separator: "#", omittingEmptySubsequences: false).map(String.init)
                let target = parts[0].isEmpty ? page : "\(folder)/\(parts[0])"
                guard FileManager.default.fileExists(atPath: "\(Paths.root)/\(target)") else {
                    Issue.record("\(page): \(link) leads nowhere")
                    continue
                }
                if parts.count > 1 {
                    #expect(try Self.anchors(of: target).contains(parts[1]), "\(page): \(link) has no such heading")
                }
            }
        }
    }

    /// The headings of a page as links name them.
    private static func anchors(of page: String) throws -> Set<String> {
        Set(
            try Manual.page(page).matches(of: #/(?m)^#{1,6} (?<title>.+)$/#).map { heading in
                heading.title.lowercased().filter { $0.isLetter || $0.isNumber || $0 == " " || $0 == "-" }
                    .replacing(" ", with: "-")
            })
    }

    @Test("every suite lies in a folder of Tests that Package.swift names")
    func suites() throws {
        let package = try Repository.file("Package.swift").lines.joined(separator: "\n")
        // What is measured is no suite.
        let folders = Set(try Repository.tests().map(\.target)).subtracting(["TestSupport", "Load"])
        #expect(folders.filter { !package.contains("name: \"\($0)\"") } == [])
    }
}
