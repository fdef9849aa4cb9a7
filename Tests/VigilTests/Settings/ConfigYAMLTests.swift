import Foundation
import TestSupport
import Testing

@testable import vigil

@Suite("Config files in YAML")
struct ConfigYAMLTests {
    private let files: SettingFiles

    init() throws { files = try SettingFiles() }

    private func settings(_ text: String, _ command: Setting.Command = .serve) throws -> Settings {
        try Settings(command, options: ["config": [try files.yaml(text)]], environment: [:])
    }

    private func refusal(_ text: String) -> String {
        let failure = #expect(throws: Failure.self, "\(text.prefix(100))") { _ = try settings(text) }
        #expect(failure?.code == .configuration)
        return failure?.description ?? ""
    }

    @Test(
        "what a word means is decided by the setting alone",
        arguments: ["no", "on", "1.0", "0x1F", "2026-01-01", "1e3", "12:30:00", ".inf", "0660"])
    func words(word: String) throws {
        #expect(try settings("state: \(word)\n").text("state") == word)
        #expect(try settings("allowed-hosts: [\(word), b]\n").list("allowed-hosts") == [word, "b"])
    }

    @Test("yes and no are read where they are expected, and octal digits as octal")
    func typed() throws {
        let settings = try settings("reuse-results: yes\nsocket-mode: 0640\nport: 9000\ngrace: 1e1\n")
        #expect(try settings.isOn("reuse-results"))
        #expect(try settings.integer("socket-mode") == 0o640)
        #expect(try settings.integer("port") == 9_000)
        #expect(try settings.integer("grace") == 10)
    }

    @Test("lists in blocks and in brackets, comments, a mark of a document, several lines of text")
    func forms() throws {
        let text = """
            %YAML 1.2
            --- # vigil
            "allowed-hosts":
              - a.example   # first
              - "*.example, b"
            callback-hosts: ['c', d]
            state: >-
              /var/lib
            ...
            """
        let settings = try settings(text)
        #expect(try settings.list("allowed-hosts") == ["a.example", "*.example, b"])
        #expect(try settings.list("callback-hosts") == ["c", "d"])
        #expect(try settings.text("state") == "/var/lib")
    }

    @Test("a byte order mark and the line ends of Windows do not count")
    func windows() throws {
        #expect(try settings("\u{FEFF}port: 9000\r\ngrace: 7\r\n").integer("grace") == 7)
    }

    @Test(
        "what is not taken is told with its line",
        arguments: [
            ("port: 1\ngrace: &a 5\n", "line 2 has an anchor"), ("a: &a [x]\nb: *a\n", "line 1 has an anchor"),
            ("port: *a\n", "not valid YAML at line 1, column 7: found undefined alias"),
            ("state: !!binary aGk=\n", "line 1 has the tag"), ("\nstate: !run x\n", "line 2 has the tag"),
            ("!!python/object:os.system\nport: 1\n", "has the tag"),
            ("port: 1\nport: 2\n", "'port' stands there twice"),
            ("port: 1\n\"port\": 2\n", "'port' stands there twice"), ("? [a]\n: b\n", "found a list as a key"),
            ("port: 1\n---\nport: 2\n", "not valid YAML"), ("port: [1\n", "not valid YAML at line"),
            ("port: 1\n  grace: 2\n", "not valid YAML at line 2"), ("\tport: 1\n", "line 1 is indented by a tab"),
            ("- port\n", "found a list, expected settings"), ("port\n", "found a text, expected settings"),
            ("", "it is empty"), ("# nothing\n", "it is empty"), ("---\n~\n", "it is empty"),
            ("<<: {port: 1}\n", "no setting has the key '<<'"), ("port = 1\n", "line 1 is TOML or INI"),
            ("[serve]\nport = 1\n", "line 1 is TOML or INI"),
            ("prot: 1\n", "config.yaml:1: no setting has the key 'prot', did you mean port?"),
            (
                "port: 1\nallowed-hosts:\n\t- a\n",
                "line 3 is indented by a tab, which YAML does not take: expected spaces"
            ),
            ("allowed-hosts:\n  - a\n \t - b: c\n", "line 3 is indented by a tab"),
            ("api-keys: null\n", "found null"), ("api-keys:\n", "found null"), ("port: \u{1}\n", "not valid YAML"),
        ])
    func refused(text: String, sentence: String) {
        let description = refusal(text)
        #expect(description.contains(sentence), "\(description)")
        #expect(!description.contains("\n"))
    }

    @Test("aliases within aliases, which would grow to a billion, are refused at once")
    func bombs() {
        var text = "a: &a [x, x, x, x, x, x, x, x, x]\n"
        for (last, next) in zip("abcdefgh", "bcdefghi") {
            text += "\(next): &\(next) [\(Array(repeating: "*\(last)", count: 9).joined(separator: ", "))]\n"
        }
        #expect(refusal(text).contains("anchor"))
        #expect(refusal("? \(text.replacing("\n", with: ""))").contains("anchor"))
        for mark in [
            "a:\t&x b\n", "{a: [&x b]}\n", "{\"a\":&x b}\n", "- &x\n", "? &x a\n: b\n", "&x a: b\n", "a: &-x b\n",
        ] {
            #expect(refusal(mark).contains("anchor"), "\(mark)")
        }
    }

    @Test("an ampersand that begins no anchor is a sign as any other")
    func ampersands() throws {
        #expect(try settings("state: \"a & b&c /x?d=1&e=2\"\n").text("state") == "a & b&c /x?d=1&e=2")
    }

    @Test("depth, length and bytes that are no text have their limits", arguments: ["[", "{a: ", "- ", "? "])
    func limits(opening: String) throws {
        #expect(!refusal("port: 1\nx: " + String(repeating: opening, count: 40_000)).isEmpty)
        #expect(refusal("state: " + String(repeating: "x", count: 300_000)).contains("the limit of YAML is"))
        let path = files.folder + "/bytes.yaml"
        try Data([0x70, 0xFF, 0xFE]).write(to: URL(filePath: path))
        let failure = #expect(throws: Failure.self) {
            _ = try Settings(.serve, options: ["config": [path]], environment: [:])
        }
        #expect(failure?.description.contains("no UTF-8") == true)
    }

    @Test("no secret is repeated where the YAML around it is wrong")
    func secrets() {
        #expect(!refusal("api-key: \"hush\n").contains("hush"))
        #expect(!refusal("api-key: hush: hush\n").contains("hush"))
        #expect(!refusal("tls-key-passphrase: [hush]\n").contains("hush"))
    }

    @Test(
        "a file's name says what it is, and else its first sign",
        arguments: [("json", false), ("yml", true), ("conf", true)])
    func names(suffix: String, isYAML: Bool) throws {
        let path = files.folder + "/c.\(suffix)"
        try files.write("port: 9000\n", to: path)
        let yaml = Result { try Settings(.serve, options: ["config": [path]], environment: [:]) }
        #expect(((try? yaml.get()) != nil) == isYAML)
        try files.write("{\"port\": 9000}", to: path)
        #expect(try Settings(.serve, options: ["config": [path]], environment: [:]).integer("port") == 9_000)
    }

    @Test("files with any bytes in them are taken or refused in one line", arguments: 0..<60)
    func mutated(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var bytes = Array("allowed-hosts: [a, \"b\"]\nport: 9000 # c\nstate: |\n  x\ncallback-hosts:\n  - d\n".utf8)
        let signs = Array("&*!|>%@`{}[],:#?-'\"\\\n\t \u{0}".utf8)
        for _ in 0..<Int.random(in: 1...8, using: &random) {
            let sign = signs[Int.random(in: signs.indices, using: &random)]
            bytes[Int.random(in: bytes.indices, using: &random)] =
                Bool.random(using: &random) ? sign : .random(in: 0...255, using: &random)
        }
        let path = files.folder + "/any.yaml"
        try Data(bytes).write(to: URL(filePath: path))
        do { _ = try Settings(.serve, options: ["config": [path]], environment: [:]) } catch {
            #expect(error.code == .configuration)
            #expect(!error.description.contains("\n"))
        }
    }
}
