/// One setting, declared once: its option, variable, key of the file and help, the schema, and its row of
/// docs/configuration.md come from it.
struct Setting: Sendable {
    /// What a value is, and which values there are.
    enum Kind: Sendable {
        /// Words for people to know what is expected.
        case text(String)
        case path(PathUse)
        case integer(ClosedRange<Int>, Unit = .none)
        /// Digits of base 8, as `chmod` takes them.
        case octal(ClosedRange<Int>)
        /// A decimal number, or two whole ones with a slash between them.
        case number(ClosedRange<Double>)
        case boolean
        case choice([String])
        /// Texts between commas; in the file a list of them too.
        case list(String)
        /// Files of models, each as `NAME=FILE` or `FILE`; in the file a list of them too.
        case models
        /// `NAME=FILE:SHARE%`, a file of a model within a text; the words that tell so.
        case canary(String)
    }

    /// What is done with a path.
    enum PathUse: Sendable {
        /// A file that is read: without it there is no such input.
        case input
        /// A file or folder that is written, or something else in its place.
        case output(String)
    }

    /// What a whole number counts.
    enum Unit: String, Sendable {
        case none = ""
        case seconds
        case bytes
        case mebibytes = "MiB"
    }

    /// What counts where nothing is set.
    enum Default: Sendable {
        case value(String)
        /// Not one value for all: how it is told.
        case told(String)
    }

    /// The commands that take settings.
    enum Command: String, Sendable, CaseIterable {
        case serve, score, bench, eval, extract, train
        /// And the other clients of a server.
        case submit
    }

    /// Where the settings stand together in `--help`, and in docs/configuration.md.
    enum Section: String, Sendable, CaseIterable {
        case general = ""
        case client = "Client"
        case server = "Server"
        case scoring = "Scoring"
        case jobs = "Jobs"
        case callbacks = "Callbacks"
        case alerts = "Alerts"
        case listening = "Listening"
        case clients = "Clients"
        case access = "Access"
        case tls = "TLS"
    }

    /// Its long option and its key in the file.
    let name: String
    let kind: Kind
    /// Nil where it is not set by default.
    let standard: Default?
    /// A sentence, without the default.
    let help: String
    let section: Section
    let commands: Set<Command>
    /// Whether what was found in its place may be a secret, and is not repeated in errors.
    let isSecret: Bool
    /// Whether the file can have it.
    let isKey: Bool
    /// Another setting without which it has no effect.
    let needs: String?

    init(
        _ name: String, _ kind: Kind, _ standard: Default?, _ help: String, in section: Section,
        of commands: Set<Command>, isSecret: Bool = false, isKey: Bool = true, needs: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.standard = standard
        self.help = help
        self.section = section
        self.commands = commands
        self.isSecret = isSecret
        self.isKey = isKey
        self.needs = needs
    }

    /// A secret, which can be given as it is or in a file of its own.
    static func secret(
        _ name: String, _ help: String, in section: Section, of commands: Set<Command>, needs: String? = nil
    ) -> [Setting] {
        [
            Setting(
                name, .text("a secret"), "\(help); better in a file.", in: section, of: commands, isSecret: true,
                needs: needs),
            Setting(
                name + fileSuffix, .path(.input), "File that holds the value of --\(name) alone.", in: section,
                of: commands, isSecret: true, needs: needs),
        ]
    }

    /// Whether something is kept by it that would be open, or lost, without it.
    var isGuard: Bool { Self.guards.contains(name) }

    private static let guards: Set = [
        "api-keys", "allowed-hosts", "tls-cert", "tls-key", "tls-client-ca", "audit-log", "callback-secrets",
        "alerts-webhook-secrets",
    ]

    /// What a setting that names the file of a secret has behind the secret's name.
    static let fileSuffix = "-file"

    /// A setting that is not set by default.
    init(
        _ name: String, _ kind: Kind, _ help: String, in section: Section,
        of commands: Set<Command>, isSecret: Bool = false, isKey: Bool = true, needs: String? = nil
    ) {
        self.init(
            name, kind, nil, help, in: section, of: commands, isSecret: isSecret, isKey: isKey, needs: needs)
    }
}

extension Setting {
    /// What the names of variables begin with.
    static let variablePrefix = "VIGIL_"

    /// Its variable in the environment.
    var variable: String { Self.variablePrefix + name.variableName }

    /// Its option on the command line.
    var option: String { "--\(name)" }

    /// The default as `--help` and docs/configuration.md show it.
    var shownDefault: String? {
        switch standard {
        case .value(let text), .told(let text): text
        case nil: nil
        }
    }

    /// The setting of that name.
    static func named(_ name: String) -> Setting? { all.first { $0.name == name } }

    /// The setting of that variable.
    static func ofVariable(_ variable: String) -> Setting? { all.first { $0.variable == variable } }
}

extension String {
    /// The text with each byte replaced; only ASCII may come of ASCII.
    func utf8Mapped(_ replacement: (UInt8) -> UInt8) -> String {
        String(decoding: utf8.map(replacement), as: UTF8.self)
    }
}

extension String {
    /// As it stands in the name of a variable: in capitals, without hyphens.
    var variableName: String { utf8Mapped { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0.upper } }
}

extension UInt8 {
    fileprivate var upper: UInt8 { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) ? self - 32 : self }
}
