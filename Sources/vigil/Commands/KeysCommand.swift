import API
import ArgumentParser
import JSON
import Jobs
import Platform

/// `vigil keys`.
struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Add, list, rotate, revoke and verify API keys.",
        discussion: """
            They work on the file that vigil serve --api-keys reads, which a running server reads again by itself. Keys are \
            printed once, when they are made; the file has their digests alone.
            """,
        subcommands: [
            KeysAddCommand.self, KeysListCommand.self, KeysRotateCommand.self, KeysRevokeCommand.self,
            KeysVerifyCommand.self,
        ])
}

/// Which file of keys is meant.
struct KeyFilePlace: ParsableArguments {
    @Option(help: "The file of keys. (default: VIGIL_API_KEYS, or what the config file names)")
    var apiKeys: String?
    @Option(help: "The config file of vigil serve, which may name the file. (default: VIGIL_CONFIG)")
    var config: String?

    func path() throws -> String {
        if let apiKeys { return apiKeys }
        let settings = try Settings(.serve, options: config.map { ["config": [$0]] } ?? [:])
        guard let path = try settings.text("api-keys") else {
            throw Failure(.usage, "there is no file of keys: name one by --api-keys")
        }
        return path
    }
}

/// `vigil keys add`.
struct KeysAddCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Make a key, print it, and add its digest to the file.",
        discussion: """
            Where there is no file one is made that nobody else may read; what root makes is also for the group of the folder.
            """)

    @Argument(help: "The key's name: letters, digits, dots, hyphens and underscores.")
    var name: String
    @OptionGroup var place: KeyFilePlace
    @Option(help: "admin, submitter or reader. (default: submitter)")
    var role: String?
    @Option(help: "Whose its jobs are, where that is another name than its own; * for a reader of all.")
    var owner: String?
    @Option(help: "Jobs that it may submit a day (UTC).")
    var jobsPerDay: String?
    @Option(help: "Bytes of features that it may submit a day, also with KiB, MiB, GiB or TiB.")
    var bytesPerDay: String?
    @Option(help: "Snippets that it may submit a day.")
    var snippetsPerDay: String?
    @Option(help: "How many of its jobs may be queued at a time.")
    var maxQueued: String?
    @Option(help: "When it ceases to be good, such as 2027-01-31 or 2027-01-31T12:00:00Z.")
    var expires: String?

    func run() throws {
        let attributes = try attributes()
        let path = try place.path()
        let secret = KeySecret.make()
        let edit = try KeyFileEdit(path: path, mayMake: true)
        try edit.run(show: { try KeySecret.show(secret, of: name, in: path) }) { text throws(APIKeyError) in
            try text.add(name, secret: secret, attributes: attributes)
            if let owner = text.unknownOwner(of: name) {
                Terminal.note("note: no key is called '\(owner)', whose jobs are to be those of '\(name)' too")
            }
        }
    }

    /// What was given, which is good by itself.
    private func attributes() throws -> [(name: String, value: String)] {
        let given = [
            ("role", role), ("owner", owner), ("jobs-per-day", jobsPerDay), ("bytes-per-day", bytesPerDay),
            ("snippets-per-day", snippetsPerDay), ("max-queued", maxQueued), ("expires", expires),
        ]
        let attributes = given.compactMap { name, value in value.map { (name: name, value: $0) } }
        let blank = attributes.first { $0.value.utf8.contains { $0 <= ASCII.space } }
        if let blank { throw Failure(.usage, "--\(blank.name): found '\(blank.value.prefix(40))', expected one word") }
        if let fault = APIKeyText.fault(of: name, attributes: attributes, at: SystemClock().wall) {
            throw Failure(.usage, fault)
        }
        return attributes
    }
}

/// `vigil keys rotate`.
struct KeysRotateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rotate", abstract: "Give a key another secret, and print it.",
        discussion: "The old one is no longer good; jobs, role and quotas stay the key's.")

    @Argument(help: "The key's name.")
    var name: String
    @OptionGroup var place: KeyFilePlace

    func run() throws {
        let path = try place.path()
        let secret = KeySecret.make()
        let edit = try KeyFileEdit(path: path, mayMake: false)
        try edit.run(show: { try KeySecret.show(secret, of: name, in: path) }) { text throws(APIKeyError) in
            try text.rotate(name, secret: secret)
        }
    }
}

/// `vigil keys revoke`.
struct KeysRevokeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke", abstract: "Take a key back.",
        discussion: """
            Its line stays, marked, so that nobody else gets its name: whoever has that has its jobs. --forget removes the \
            line.
            """)

    @Argument(help: "The key's name.")
    var name: String
    @OptionGroup var place: KeyFilePlace
    @Flag(help: "Remove its line, after which the name can be given to another, with the jobs that are left.")
    var forget = false

    func run() throws {
        let path = try place.path()
        let time = SystemClock().wall
        try KeyFileEdit(path: path, mayMake: false).run { text throws(APIKeyError) in
            if forget { try text.forget(name) } else { try text.revoke(name, at: time) }
            if text.keys.all.allSatisfy({ $0.revoked != nil }) {
                Terminal.note("\(path) has no key any more that is good")
            }
        }
    }
}

/// `vigil keys verify`.
struct KeysVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Tell whose key stands on standard input, and whether it is good.",
        discussion: "Exit codes: 0 it is good, 65 it is not, 66 no key is given, 78 the file can't be used.")

    @OptionGroup var place: KeyFilePlace
    @Option(help: "A file to read the key from. (default: standard input)")
    var keyFile: String?

    func run() throws {
        let path = try place.path()
        let text = try keyFile.map(read) ?? readLine() ?? ""
        let keys = try KeyFileEdit(path: path, mayMake: false).read().keys
        let secret = text.utf8.filter { $0 > ASCII.space }
        guard !secret.isEmpty else {
            throw Failure(.noInput, "\(keyFile ?? "standard input") is empty: expected the key that is to be verified")
        }
        guard let key = keys.key(of: secret) else { throw Failure(.badData, "the key is none of \(path)") }
        let state = KeyState(key, at: SystemClock().wall)
        guard state == .good else { throw Failure(.badData, "the key is '\(key.name)', which is \(state.rawValue)") }
        try Terminal.print(Array("\(key.name)".utf8))
    }

    private func read(_ path: String) throws(Failure) -> String {
        do throws(SmallFile.Failure) { return try SmallFile.text(path, expected: "an API key") } catch {
            throw Failure(.noInput, error.description)
        }
    }
}

/// `vigil keys list`.
struct KeysListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the keys, what each may do, and until when.")

    @OptionGroup var place: KeyFilePlace
    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        let keys = try KeyFileEdit(path: place.path(), mayMake: false).read().keys.all
        let now = SystemClock().wall
        try Terminal.print(json ? Self.json(keys, at: now) : Self.text(keys, at: now))
    }

    private static func text(_ keys: [APIKey], at now: WallTime) -> [UInt8] {
        let head = ["name", "state", "role", "owner", "jobs/day", "bytes/day", "snippets/day", "queued", "expires"]
        var rows = [head]
        for key in keys {
            var row = [key.name, KeyState(key, at: now).rawValue, key.role.rawValue, key.owner ?? key.name]
            for count in [key.quota.jobs, key.quota.bytes, key.quota.units, key.maxQueued] {
                row.append(count.map(String.init) ?? "-")
            }
            row.append(key.expires?.description ?? "-")
            rows.append(row)
        }
        let widths = head.indices.map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.utf8.count) }.joined(separator: "  ")
                .trimmed { $0 == ASCII.space }
        }
        return Array(lines.joined(separator: "\n").utf8)
    }

    private static func json(_ keys: [APIKey], at now: WallTime) -> [UInt8] {
        JSONWriter.document { json in
            json.array(keys[...]) { json, key in
                json.object { json in
                    json.member("name", key.name)
                    json.member("state", KeyState(key, at: now).rawValue)
                    json.member("role", key.role.rawValue)
                    json.member("owner", key.owner ?? key.name)
                    if let count = key.quota.jobs { json.member("jobs_per_day", count) }
                    if let count = key.quota.bytes { json.member("bytes_per_day", count) }
                    if let count = key.quota.units { json.member("snippets_per_day", count) }
                    if let count = key.maxQueued { json.member("max_queued", count) }
                    json.member("expires", key.expires?.description)
                    json.member("revoked", key.revoked?.description)
                }
            }
        }
    }
}

/// Whether a key is good.
private enum KeyState: String {
    case good
    case expired
    case revoked

    init(_ key: APIKey, at now: WallTime) {
        self = key.revoked != nil ? .revoked : key.expires.map { $0 <= now } == true ? .expired : .good
    }
}

/// The secrets that clients send.
private enum KeySecret {
    /// 256 bits by chance, in letters, digits, hyphens and underscores.
    static func make() -> String {
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let text = Base64.encode(bytes).utf8.filter { $0 != UInt8(ascii: "=") }.map { byte in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            default: byte
            }
        }
        return "vigil_" + String(decoding: text, as: UTF8.self)
    }

    static func show(_ secret: String, of name: String, in path: String) throws {
        // A reader that is gone is an error like others, and not the end.
        signal(SIGPIPE, SIG_IGN)
        try Terminal.print(Array(secret.utf8))
        Terminal.note("this is the key '\(name)', which is shown this once; \(path) has its digest")
    }
}
