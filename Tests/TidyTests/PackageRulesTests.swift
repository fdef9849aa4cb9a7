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

    @Test("the README shows every subcommand")
    func readme() throws {
        let text = try Repository.file("README.md").lines.joined(separator: "\n")
        let commands = try Repository.files(in: "Sources/vigil/Commands", endings: ["Command.swift"]).flatMap { file in
            file.lines.compactMap { line in
                line.components(separatedBy: "commandName: \"").dropFirst().first?.prefix { $0 != "\"" }
            }
        }
        #expect(commands.count >= 4, "too few commands were found for the rule to mean anything")
        for command in commands {
            let spellings = ["vigil \(command)", "vigil config \(command)", "vigil state \(command)"]
            #expect(spellings.contains { text.contains($0) }, "README.md lacks vigil \(command)")
        }
    }

    @Test("every suite lies in a folder of Tests that Package.swift names")
    func suites() throws {
        let package = try Repository.file("Package.swift").lines.joined(separator: "\n")
        let folders = Set(try Repository.tests().map(\.target)).subtracting(["TestSupport"])
        #expect(folders.filter { !package.contains("name: \"\($0)\"") } == [])
    }
}
