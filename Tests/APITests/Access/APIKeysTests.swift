import Foundation
import Platform
import TestSupport
import Testing

@testable import API

@Suite("files of API keys")
struct APIKeysTests {
    static func digest(_ key: String) -> String { Array(key.utf8).withUnsafeBytes { SHA256.hexDigest(of: $0) } }

    static func line(_ name: String, _ key: String, _ more: String = "") -> String { "\(name):\(digest(key))\(more)\n" }

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

    @Test("all lines that are wrong are told at once, ten of them and how many more")
    func several() throws {
        let bad = "alice\n" + Self.line("b", "2") + "\ncarol:abc\n# x\n" + Self.line("b", "3")
        let few = #expect(throws: APIKeyError.self) { try APIKeys(bad, path: "keys") }
        let parts = few?.description.split(separator: "; ").map(String.init) ?? []
        #expect(parts.count == 3, "\(parts)")
        for (part, line) in zip(parts, [1, 4, 6]) { #expect(part.hasPrefix("keys:\(line): "), "\(part)") }
        let text = String(repeating: "secret-secret\n", count: 25)
        let many = #expect(throws: APIKeyError.self) { try APIKeys(text, path: "keys") }
        #expect(many?.description.contains("keys:10: ") == true && many?.description.contains("keys:11: ") == false)
        #expect(many?.description.hasSuffix("; and 15 more") == true, "\(many?.description ?? "")")
        #expect(many?.description.contains("secret-secret") == false)
    }

    @Test("of many keys each is found as itself, and none twice")
    func many() throws {
        let lines = (0..<500).map { Self.line("n\($0)", "key \($0)") }
        let keys = try APIKeys(lines.joined(), path: "keys")
        for number in 0..<500 { #expect(keys.name(of: "key \(number)".utf8) == "n\(number)") }
        for number in 500..<520 { #expect(keys.name(of: "key \(number)".utf8) == nil) }
        let twin = #expect(throws: APIKeyError.self) {
            try APIKeys(lines.joined() + Self.line("m", "key 321"), path: "keys")
        }
        #expect(twin?.description == "keys:501: 'm' has the same key as 'n321'")
    }

    @Test(
        "a file whose last line has no end may be half written: it is read until it says the same twice, and is taken then"
    )
    func halfWritten() throws {
        let whole = Self.line("alice", "one", " role=reader owner=* expires=2999-01-01")
        var readings = [String(whole.dropLast(40)), String(whole.dropLast(20)), whole, "never read"]
        var pauses = 0
        #expect(APIKeys.settled(pause: { pauses += 1 }) { readings.removeFirst() } == whole)
        #expect(pauses == 2 && readings == ["never read"])
        let unended = String(whole.dropLast())
        readings = [unended, unended, "never read"]
        #expect(APIKeys.settled(pause: {}) { readings.removeFirst() } == unended)
        #expect(try APIKeys(unended, path: "keys").count == 1)
    }

    @Test("a key may be called as metrics call others; there it has another name", arguments: ["anonymous", "other"])
    func names(of name: String) throws {
        #expect(try APIKeys(Self.line(name, "one"), path: "keys").names == [name])
        #expect(JobTelemetry.series(of: name) == "key:" + name)
        #expect(JobTelemetry.series(of: name + "s") == name + "s")
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
    private let folder: ScratchFolder
    private var path: String { folder.path + "/keys" }

    init() throws { folder = try ScratchFolder() }

    private func write(_ text: String) throws { _ = try folder.write(Array(text.utf8), to: "keys") }

    @Test("a changed file's keys count; one that can't be used leaves the old ones, and says so")
    func reload() throws {
        try write(APIKeysTests.line("alice", "one"))
        let file = try APIKeyFile(path: path)
        try write(APIKeysTests.line("alice", "one") + APIKeysTests.line("bob", "two"))
        #expect(try file.reload().count == 2)
        #expect(file.current.name(of: "two".utf8) == "bob")
        try write("bob\n")
        let error = #expect(throws: APIKeyError.self) { try file.reload() }
        #expect(error?.description.contains("keys:1") == true)
        #expect(file.current.name(of: "two".utf8) == "bob")
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: APIKeyError.self) { try file.reload() }
        #expect(file.current.count == 2)
        try write(APIKeysTests.line("carol", "three"))
        try file.reload()
        #expect(file.current.name(of: "one".utf8) == nil)
    }

    @Test(
        "a file whose last key was taken away lets nobody in, though no server begins with one",
        arguments: ["", "# none\n"])
    func lastKey(left: String) throws {
        try write(APIKeysTests.line("alice", "one"))
        let file = try APIKeyFile(path: path)
        try write(left)
        #expect(try file.reload().count == 0)
        #expect(file.current.name(of: "one".utf8) == nil)
        #expect(throws: APIKeyError.self) { try APIKeyFile(path: path) }
    }

    @Test("at the start what can't be used is an error: nothing there, a folder, no text")
    func unusable() throws {
        #expect(throws: APIKeyError.self) { try APIKeyFile(path: path) }
        try write("x")
        #expect(throws: APIKeyError.self) { try APIKeyFile(path: folder.path) }
        _ = try folder.write([0xFF, 0xFE], to: "keys")
        let error = #expect(throws: APIKeyError.self) { try APIKeyFile(path: path) }
        #expect(error?.description.contains("name:sha256hex") == true)
    }
}
