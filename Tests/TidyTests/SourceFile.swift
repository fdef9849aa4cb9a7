import Foundation
import TestSupport

/// A file of the repository, as the rules look at it.
struct SourceFile {
    /// From the root on, `Sources/HTTP/Routing/Router.swift`.
    let path: String
    let lines: [String]
    /// The lines without their comments.
    private let code: [String]

    /// The folder below Sources or Tests, which is the target's name.
    var target: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }
    /// The folder that it lies in.
    var folder: String { String(path.prefix(upTo: path.lastIndex(of: "/") ?? path.startIndex)) }

    init(path: String, text: String) {
        self.path = path
        // By bytes, and once a file: what is not optimised goes through characters a hundred times slower.
        lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String(Substring($0))
        }
        code = lines.map { line in line.range(of: "//").map { String(line[..<$0.lowerBound]) } ?? line }
    }

    /// Modules that the file imports, however: `@testable public import struct A.B` imports A.
    var imports: Set<String> {
        Set(
            lines.compactMap { line in
                var words = line.split(separator: " ").drop {
                    $0.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains($0)
                }
                guard words.popFirst() == "import" else { return nil }
                let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "let", "var", "typealias"]
                return words.drop { kinds.contains($0) }.first?.split(separator: ".").first.map(String.init)
            })
    }

    /// `path:line` of the lines of code that hold `text`; comments do not count.
    func places(of text: String) -> [String] {
        places { $0.contains(text) }
    }

    /// `path:line` of the lines of code that fit.
    func places(where fits: (String) -> Bool) -> [String] {
        code.enumerated().compactMap { index, line in fits(line) ? "\(path):\(index + 1)" : nil }
    }
}

/// The repository's files.
enum Repository {
    /// Files below `folder` whose name ends in one of `endings`, sorted.
    static func files(in folder: String, endings: [String]) throws -> [SourceFile] {
        try FileManager.default.subpathsOfDirectory(atPath: "\(Paths.root)/\(folder)").sorted()
            .filter { path in endings.contains { path.hasSuffix($0) } }
            .map { try file("\(folder)/\($0)") }
    }

    static func file(_ path: String) throws -> SourceFile {
        SourceFile(path: path, text: try String(contentsOfFile: "\(Paths.root)/\(path)", encoding: .utf8))
    }

    private static let allSources = Result { try files(in: "Sources", endings: [".swift"]) }
    private static let allTests = Result { try files(in: "Tests", endings: [".swift"]) }

    /// Swift files of the targets.
    static func sources() throws -> [SourceFile] { try allSources.get() }

    /// Swift files of the tests, but for this suite, whose rules name what they forbid.
    static func tests() throws -> [SourceFile] {
        try allTests.get().filter { $0.target != "TidyTests" }
    }
}
