import Foundation
import TestSupport
import Testing

/// Rules that hold in every line.
@Suite("Rules of the code")
struct CodeRulesTests {
    @Test(
        "nothing in the sources ends the process in place of an error",
        arguments: ["try!", "fatalError(", "preconditionFailure("])
    func noTraps(call: String) throws {
        #expect(try Repository.sources().flatMap { $0.places(of: call) } == [])
    }

    @Test(
        "what comes from the wire is not folded or classified by Unicode's rules: U+212A is no k",
        arguments: [".lowercased()", ".uppercased()", ".isLetter", ".isNumber", ".isWhitespace", ".wholeNumberValue"])
    func wireIsBytes(call: String) throws {
        let sources = try Self.sourcesOfInput()
        let found = sources.flatMap { file in
            file.places { code in
                guard code.contains(call) else { return false }
                let own = ["ASCII\(call)", ".isNumberByte", "\"\\(self)\".uppercased()"]
                return own.reduce(code) { $0.replacingOccurrences(of: $1, with: "") }.contains(call)
            }
        }
        #expect(found == [])
    }

    @Test(
        "what comes from outside is not cut or found by Unicode's rules: a dot with a mark behind it is a dot",
        arguments: [".hasPrefix(", ".hasSuffix(", ".split(separator: \""])
    func piecesAreBytes(call: String) throws {
        let found = try Self.sourcesOfInput().flatMap { file in
            file.places { $0.contains(call) && !$0.contains("separator: \"''\"") }
        }
        #expect(found == [])
    }

    @Test("what comes from outside is no key by Unicode's rules, but for tables of the program's own")
    func keysAreBytes() throws {
        let rooms: Set<String> = ["HTTP", "HTTPClient", "Platform", "TLS", "Webhooks", "Jobs"]
        let found = try Self.sourcesOfInput().filter { rooms.contains($0.target) }.flatMap { file in
            file.places { $0.contains("var ") && $0.contains("[String: ") }
        }
        #expect(found == [])
    }

    /// Files that read what comes from the wire, from files or from the command line.
    private static func sourcesOfInput() throws -> [SourceFile] {
        let rooms: Set<String> = [
            "HTTP", "HTTPClient", "TLS", "Webhooks", "API", "Scoring", "Engine", "Formats", "JSON", "Platform", "Jobs",
            "SQLiteStore",
            "vigil",
        ]
        let sources = try Repository.sources().filter { file in
            (rooms.contains(file.target) && file.folder != "Sources/vigil/Settings")
                || file.folder == "Sources/VadCLIP/Import"
        }
        #expect(sources.count > 200, "too few files were found for the rule to mean anything")
        return sources
    }

    @Test(
        "a state folder is read by asking for its bytes: what its disk can't give is an error, not the end of the process"
    )
    func stateIsNotMapped() throws {
        let found = try Repository.sources().filter { $0.path.contains("/SQLiteStore/") }
            .flatMap { $0.places(of: "MappedFile") }
        #expect(found == [])
    }

    @Test("nothing is left to be done later", arguments: ["TODO", "FIXME", "XXX"])
    func nothingLeft(mark: String) throws {
        let files =
            try Repository.files(in: "Sources", endings: [".swift", ".c", ".h"]) + Repository.tests()
        let found = files.flatMap { file in
            file.lines.indices.filter { file.lines[$0].contains(mark) }.map { "\(file.path):\($0 + 1)" }
        }
        #expect(found == [])
    }

    @Test("each @unchecked Sendable is argued in the comment above it")
    func uncheckedIsArgued() throws {
        let files = try Repository.sources()
        let places = files.flatMap { file in
            file.lines.indices.filter { Self.claims(file.lines[$0]) }.map { (file, $0) }
        }
        #expect(!places.isEmpty, "none was found, so that the rule means nothing")
        for (file, line) in places {
            #expect(Self.isArgued(line, in: file), "\(file.path):\(line + 1) does not say why it is sound")
        }
    }

    private static func claims(_ line: String) -> Bool {
        let code = line.range(of: "//").map { String(line[..<$0.lowerBound]) } ?? line
        return code.contains("@unchecked Sendable") || code.contains("nonisolated(unsafe)")
    }

    private static func isArgued(_ line: Int, in file: SourceFile) -> Bool {
        let comment = file.lines[..<line].reversed().prefix {
            let text = $0.drop { $0 == " " }
            return text.hasPrefix("//") || text.hasPrefix("@")
        }
        return comment.contains { $0.contains("Sendable") || $0.contains("Sound") || $0.contains("sound") }
    }

    @Test("no test sleeps; waiting on a clock that the test moves is no sleep")
    func noSleeping() throws {
        let calls = ["Task.sleep", "Thread.sleep", "usleep(", "nanosleep(", "ContinuousClock().sleep"]
        let found = try Repository.tests().flatMap { file in
            file.places { code in calls.contains { code.contains($0) } || Self.callsSleep(code) }
        }
        #expect(found == [])
    }

    /// Whether the line calls the C library's sleep, and not a method or another function that ends so, nor declares one.
    private static func callsSleep(_ code: String) -> Bool {
        let pieces = code.components(separatedBy: "sleep(")
        return pieces.dropLast().contains { before in
            guard let last = before.last, !before.hasSuffix("func ") else { return before.isEmpty }
            return !last.isLetter && !last.isNumber && last != "." && last != "_"
        }
    }

    @Test("no line ends in a blank or holds a tab")
    func noTrailingBlanks() throws {
        let files =
            try Repository.files(in: "Sources", endings: [".swift", ".c", ".h"]) + Repository.tests()
        let found = files.flatMap { file in
            file.lines.indices.filter { file.lines[$0].last?.isWhitespace == true || file.lines[$0].contains("\t") }
                .map { "\(file.path):\($0 + 1)" }
        }
        #expect(found == [])
    }

    @Test("no file is longer than 400 lines")
    func shortFiles() throws {
        let files = try Repository.files(in: "Sources", endings: [".swift", ".c", ".h"]) + Repository.tests()
        #expect(files.filter { $0.lines.count > 400 }.map { "\($0.path): \($0.lines.count)" } == [])
    }
}
