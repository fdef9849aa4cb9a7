import Foundation
import Platform
import Testing

@testable import API

@Suite("files of API keys")
struct APIKeysTests {
    static func digest(_ key: String) -> String { Array(key.utf8).withUnsafeBytes { SHA256.hexDigest(of: $0) } }

    static func line(_ name: String, _ key: String) -> String { "\(name):\(digest(key))\n" }

    @Test("lines are names and hashes; blank ones and comments are passed over")
    func lines() throws {
        let text =
            "# keys\n\n  \t\n" + Self.line("alice", "one") + "  bob-2.x_Y : \(Self.digest("two").uppercased()) \r\n#"
        let keys = try APIKeys(text, path: "keys")
        #expect(keys.count == 2)
        #expect(keys.name(of: "one".utf8) == "alice")
        #expect(keys.name(of: "two".utf8) == "bob-2.x_Y")
        for other in ["", "One", "one ", "three", Self.digest("one")] { #expect(keys.name(of: other.utf8) == nil) }
    }

    @Test(
        "what is wrong is named by file and line, without what may be a key",
        arguments: [
            ("alice", 1, "no colon"), ("# x\n\nsecret-secret\n", 3, "no colon"), ("alice:abc", 1, "64 hexadecimal"),
            ("alice:" + String(repeating: "g", count: 64), 1, "64 hexadecimal"),
            ("alice:" + String(repeating: "0", count: 65), 1, "64 hexadecimal"), (":" + digest("a"), 1, "a name has"),
            ("al ice:" + digest("a"), 1, "a name has"), ("ä:" + digest("a"), 1, "a name has"),
            (String(repeating: "a", count: 65) + ":" + digest("a"), 1, "a name has"),
            (line("a", "1") + line("b", "2") + line("a", "3"), 3, "there already, on line 1"),
            (line("a", "1") + "\n" + line("b", "1"), 3, "the same key as 'a'"),
        ])
    func malformed(text: String, line: Int, words: String) {
        let error = #expect(throws: APIKeyError.self) { try APIKeys(text, path: "/etc/keys") }
        #expect(error?.description.hasPrefix("/etc/keys:\(line): ") == true, "\(error as Any)")
        #expect(error?.description.contains(words) == true, "\(error as Any)")
        #expect(error?.description.contains("secret-secret") == false)
    }

    @Test("a comment begins with its sign, whatever mark follows it")
    func commentsAreBytes() throws {
        let keys = try APIKeys("#\u{301} alice and bob\n" + Self.line("alice", "one"), path: "keys")
        #expect(keys.count == 1)
    }

    @Test("a file without keys is refused, since it would lock everyone out", arguments: ["", "\n", "# none\n"])
    func empty(text: String) {
        #expect(throws: APIKeyError.self) { try APIKeys(text, path: "keys") }
    }

    @Test("digests can be compared in one way alone, which takes the same time whatever they are")
    func constantTime() throws {
        #expect(!((KeyDigest.self as Any) is any Equatable.Type))
        let digest = KeyDigest(of: "one".utf8)
        let text = Self.digest("one")
        #expect(try #require(KeyDigest(hexadecimal: text[...])).matches(digest))
        for place in 0..<64 {
            var other = Array(text.utf8)
            other[place] = other[place] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
            let changed = try #require(KeyDigest(hexadecimal: Substring(decoding: other, as: UTF8.self)))
            #expect(!changed.matches(digest), "digit \(place)")
        }
        #expect(!SHA256.areEqual([], []) && !SHA256.areEqual([1], [1, 2]) && SHA256.areEqual([1, 2], [1, 2]))
    }
}

@Suite("keys are read again")
struct APIKeyFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "vigil-keys-\(UUID())").path
    private var path: String { folder + "/keys" }
    private let log = LogLines()

    private func write(_ text: String, mode: Int = 0o600) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    @Test("a changed file's keys count; one that can't be used leaves the old ones, and says so")
    func reload() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write(APIKeysTests.line("alice", "one"))
        let file = try APIKeyFile(path: path, logger: log.logger)
        try write(APIKeysTests.line("alice", "one") + APIKeysTests.line("bob", "two"))
        #expect(file.reload())
        #expect(file.current.name(of: "two".utf8) == "bob")
        try write("bob\n")
        #expect(!file.reload())
        #expect(file.current.name(of: "two".utf8) == "bob")
        #expect(log.lines.filter { $0.contains("error") && $0.contains("keys:1") }.count == 1)
        try FileManager.default.removeItem(atPath: path)
        #expect(!file.reload())
        #expect(file.current.count == 2)
        try write(APIKeysTests.line("carol", "three"))
        #expect(file.reload())
        #expect(file.current.name(of: "one".utf8) == nil)
        #expect(log.lines.allSatisfy { !$0.contains(APIKeysTests.digest("one")) })
    }

    @Test("a file that everyone can read is warned of", arguments: [(0o644, true), (0o640, false), (0o600, false)])
    func permissions(mode: Int, warns: Bool) throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try write(APIKeysTests.line("alice", "one"), mode: mode)
        _ = try APIKeyFile(path: path, logger: log.logger)
        #expect(log.lines.contains { $0.contains("warning") } == warns)
    }

    @Test("at the start what can't be used is an error: nothing there, a folder, no text")
    func unusable() throws {
        defer { try? FileManager.default.removeItem(atPath: folder) }
        #expect(throws: APIKeyError.self) { try APIKeyFile(path: path, logger: log.logger) }
        try write("x")
        #expect(throws: APIKeyError.self) { try APIKeyFile(path: folder, logger: log.logger) }
        try Data([0xFF, 0xFE]).write(to: URL(filePath: path))
        #expect(throws: APIKeyError.self) { try APIKeyFile(path: path, logger: log.logger) }
    }
}
