import Audit
import HTTP
import Jobs
import Logging
import SQLiteStore
import Tensors

// By name: the checker of types takes long for sums in a long list.
private let mebi = 1 << 20
private let sixteenMebi = 16 << 20
private let gibi = 1 << 30

// A new setting is a line here; what reads it asks Settings by its name.
extension Setting {
    /// All settings, in the order in which `--help` and docs/configuration.md show them.
    static let all =
        general + client + server + scoring + jobs + callbacks + alerts + access + listening + clients + tls

    private static let general: [Setting] = [
        Setting(
            "config", .path(.input), "A YAML or JSON file with settings; its keys are the options' long names.",
            in: .general, of: withFile, isKey: false),
        Setting(
            "kernels", .choice(["auto", "portable", "avx2", "avx512", "neon"]), .value("auto"),
            "Instruction set of the kernels.", in: .general, of: withFile),
        Setting(
            "compute", .choice(Compute.allCases.map(\.rawValue)), .value(Compute.float32.rawValue),
            "Arithmetic of products with weights; what has fewer bits is faster where the processor has instructions for it.",
            in: .general, of: [.serve, .score, .bench, .eval, .extract]),
        Setting(
            "model", .models, .told("the embedded demo model"),
            "Model file made by vigil import or vigil train, under the name that it was imported with or another; for vigil "
                + "serve it can be repeated, and the first is the default.",
            in: .general, of: [.serve, .score]),
        Setting(
            "models", .path(.output("a folder")),
            "Folder of model files, NAME.safetensors each, which are served under those names beside those of --model; files "
                + "that come, change and go are seen within seconds.",
            in: .general, of: [.serve]),
        Setting(
            "canary", .canary("NAME=FILE:SHARE%, such as ucf-crime=new.safetensors:5%"),
            "Score this part of the jobs of the model NAME by FILE too, and tell how far they differ; results stay what they are.",
            in: .general, of: [.serve]),
        Setting(
            "workers", .integer(1...1_024), .told("the processors that it may use"),
            "Threads that compute; of those that score, one that has nothing to do helps another.", in: .general,
            of: [.serve, .score, .eval, .extract]),
    ]

    /// The commands that take a config file; a client has profiles in its place.
    private static let withFile = Set(Command.allCases).subtracting([.submit])

    private static let client: [Setting] =
        secret("api-key", "API key of the server that is spoken to", in: .client, of: [.bench, .submit]) + [
            Setting(
                "url", .text("http://HOST:PORT or https://HOST:PORT"), .value("http://127.0.0.1:8080"), "The server.",
                in: .client, of: [.submit], isKey: false),
            Setting(
                "profile", .text("the name of a profile"), .told("default, where there is one and no URL is given"),
                "A server by its name in vigil/profiles.yaml, or .json, of the user's config folder.", in: .client,
                of: [.submit], isKey: false),
            Setting(
                "patience", .integer(0...604_800, .seconds), .value("600"),
                "Seconds that a request is tried again for while nothing succeeds: the server is busy, or the connection is lost.",
                in: .client, of: [.submit], isKey: false),
        ]

    private static let server: [Setting] = [
        Setting(
            "host", .text("an IPv4 or IPv6 address"), .value("127.0.0.1"), "Address to listen on.",
            in: .server, of: [.serve]),
        Setting(
            "port", .integer(0...65_535), .value("8080"), "Port to listen on; 0 takes a free one.",
            in: .server, of: [.serve]),
        Setting(
            "max-body", .integer(1...65_536, .mebibytes), .value("128"), "MiB that an upload may have.",
            in: .server, of: [.serve]),
        Setting(
            "max-video", .integer(1...mebi, .mebibytes), .value("2048"),
            "MiB that a video may have; it is kept on the disk of the state folder, or in the database, until its job has ended.",
            in: .server, of: [.serve]),
        Setting(
            "max-features", .integer(0...mebi, .mebibytes), .value("4096"),
            "MiB of the state folder's disk, or of the database, for features of videos, kept as long as their jobs; the oldest go first.",
            in: .server, of: [.serve]),
        Setting(
            "ffmpeg", .text("the path of a program"), .told("the first of PATH"), "The ffmpeg that decodes videos.",
            in: .server, of: [.serve]),
        Setting(
            "allow-unsandboxed-video", .boolean, .value("false"),
            "Take videos also where bubblewrap does not keep their decoder from files and the network.",
            in: .server, of: [.serve]),
        Setting(
            "grace", .integer(0...86_400, .seconds), .value("25"),
            "Seconds to finish what was accepted after SIGTERM.", in: .server, of: [.serve]),
        Setting(
            "log-level", .choice(Logger.Level.allCases.map(\.rawValue)), .value("info"), "What the log tells.",
            in: .server, of: [.serve]),
        Setting(
            "log-format", .choice(LogForm.allCases.map(\.rawValue)), .value("text"),
            "How lines of the log and the access log are written.", in: .server, of: [.serve]),
    ]

    private static let scoring: [Setting] = [
        Setting(
            "format", .choice(ScoreForm.names), .value("auto"),
            "What to write: auto is what the ending of --output says, else a table on a terminal, and JSON elsewhere.",
            in: .scoring, of: [.score]),
        Setting(
            "labels", .list("labels, the normal class first"), .told("the model's"),
            "Labels to score against, separated by commas, the normal class first; needs a text tower.",
            in: .scoring, of: [.score]),
        Setting(
            "fps", .number(0.001...100_000), "Frames a second, which gives segments their seconds.",
            in: .scoring, of: [.score]),
        Setting(
            "threshold", .number(0...1), .value("0.5"),
            "A segment begins where the coarse score is at least this.", in: .scoring, of: [.score]),
        Setting(
            "leave", .number(0...1), .told("the threshold"),
            "A segment goes on while the coarse score is at least this.", in: .scoring, of: [.score]),
        Setting(
            "min-snippets", .integer(1...1_000_000_000), .value("1"), "Segments shorter than this are dropped.",
            in: .scoring, of: [.score]),
        Setting(
            "merge-gap", .integer(0...1_000_000_000), .value("0"),
            "Segments fewer than this many snippets apart are one.", in: .scoring, of: [.score]),
        Setting("logits", .boolean, .value("false"), "Give the logits too.", in: .scoring, of: [.score]),
        Setting(
            "compare", .path(.input), "A second model file, whose scores are compared with those of --model.",
            in: .scoring, of: [.score]),
    ]

    private static let jobs: [Setting] = [
        Setting(
            "state", .path(.output("a folder, memory, or postgres://HOST/DATABASE")),
            .told("vigil/port-PORT in the user's state folder, with --listen vigil/listen-ADDRESS"),
            "Folder that jobs are kept in, which one server has for itself; memory for none; postgres://HOST/DATABASE for many.",
            in: .jobs, of: [.serve]),
        Setting(
            "durability", .choice(["full", "normal"]), .value("full"),
            "full: what was accepted outlasts a loss of power; normal: the end of the process.",
            in: .jobs, of: [.serve]),
        Setting(
            "believe-clock", .boolean, .value("false"),
            "The time of day is right, though it is far ahead of when the folder was last written to.",
            in: .jobs, of: [.serve]),
        Setting(
            "store-connections", .integer(2...200), .value("8"), "Connections to PostgreSQL at most.",
            in: .jobs, of: [.serve]),
        Setting(
            "require-synchronous", .boolean, .value("false"),
            "Take no jobs while PostgreSQL has no synchronous standby that is in sync.", in: .jobs, of: [.serve]),
        Setting(
            "lease", .integer(2...3_600, .seconds), .value("30"),
            "Seconds after which others do what a server had begun that is gone; with PostgreSQL.", in: .jobs,
            of: [.serve]),
        Setting(
            "attempts", .integer(1...1_000), .value("3"), "How often a job is begun whose process ended while it ran.",
            in: .jobs, of: [.serve]),
        Setting(
            "max-queued", .integer(1...10_000_000), .value("1000"), "Jobs that may wait; more are refused with 429.",
            in: .jobs, of: [.serve]),
        Setting(
            "max-queued-memory", .integer(1...mebi, .mebibytes), .value("512"),
            "MiB that waiting uploads may take together.", in: .jobs, of: [.serve]),
        Setting(
            "max-queued-per-client", .integer(0...10_000_000), .told("7/8 of all, for this machine's own clients all"),
            "Jobs of one client that may wait.", in: .jobs, of: [.serve]),
        Setting(
            "max-queued-memory-per-client", .integer(0...mebi, .mebibytes), .told("likewise"),
            "MiB that the waiting uploads of one client may take together.", in: .jobs, of: [.serve]),
        Setting(
            "result-ttl", .integer(1...31_536_000, .seconds), .told("86400; in memory 3600"),
            "Seconds that results are kept.", in: .jobs, of: [.serve]),
        Setting(
            "upload-ttl", .integer(0...31_536_000, .seconds), .value("0"),
            "Seconds that an upload is kept after its job has ended.", in: .jobs, of: [.serve]),
        Setting(
            "max-results", .integer(1...mebi, .mebibytes), .value("256"),
            "MiB that kept results may take in memory; on disk they may take all but a rest.", in: .jobs, of: [.serve]),
        Setting(
            "reuse-results", .boolean, .value("false"),
            "Answer a job that was scored before, with the same features, options and model, by its result.",
            in: .jobs, of: [.serve]),
        Setting(
            "on-missing-model", .choice(MissingModel.allCases.map(\.rawValue)), .value("wait"),
            "What becomes of waiting jobs whose model is neither served nor kept beside them: wait for it, fail, or be scored by "
                + "what is served under its name, or else by the default.",
            in: .jobs, of: [.serve]),
    ]

    private static let callbacks: [Setting] = [
        Setting(
            "callback-hosts", .list("the names of hosts, or *"), .told("none, callbacks are off"),
            "Hosts that callbacks may go to, separated by commas: NAME, *.NAME, either with :PORT, or * for all.",
            in: .callbacks, of: [.serve]),
        Setting(
            "callback-secrets", .path(.input), "File of secrets that callbacks are signed with, lines of whsec_BASE64.",
            in: .callbacks, of: [.serve], isSecret: true, needs: "callback-hosts"),
        Setting(
            "callback-private", .boolean, .value("false"), "Callbacks may go to this machine and to private networks.",
            in: .callbacks, of: [.serve], needs: "callback-hosts"),
        Setting(
            "callback-https-only", .boolean, .value("false"), "Callbacks go over https alone.",
            in: .callbacks, of: [.serve], needs: "callback-hosts"),
        Setting(
            "callback-ca", .path(.input), "File of certificates that vouch for receivers too, beside the system's.",
            in: .callbacks, of: [.serve], needs: "callback-hosts"),
    ]

    private static let access: [Setting] = [
        Setting(
            "api-keys", .path(.input), .told("none, open to all"),
            "File of API keys, lines of name:sha256hex; with it requests need one.",
            in: .access, of: [.serve], isSecret: true),
        Setting(
            "metrics", .choice(["keys", "public", "off"]), .value("keys"),
            "Who may scrape /metrics: keys, who may read else; public, everybody without a key; off, nobody.",
            in: .access, of: [.serve]),
        Setting(
            "rate-limit", .integer(0...1_000_000), .value("0"),
            "Requests a second that each client may make; 0 for any number.", in: .access, of: [.serve]),
        Setting(
            "rate-burst", .integer(1...10_000_000), .told("those of 10 seconds"),
            "Requests that a client may make at once after a pause.", in: .access, of: [.serve], needs: "rate-limit"),
        Setting(
            "access-log", .path(.output("a file, or - for standard output")),
            "File that gets a line for each answer; - for standard output.", in: .access, of: [.serve]),
        Setting(
            "audit-log", .path(.output("a file")),
            "File that gets a line for each submission, reading and deletion, chained to the one before.",
            in: .access, of: [.serve]),
        Setting(
            "audit-sync", .choice(AuditLog.Syncing.allCases.map(\.rawValue)), .value("always"),
            "When lines of the audit log are on the disk: always before the answer, or within a second.",
            in: .access, of: [.serve], needs: "audit-log"),
        Setting(
            "audit-failure", .choice(AuditFailure.allCases.map(\.rawValue)), .value("refuse"),
            "What becomes of requests while the audit log can't be written: refuse them with 503, or continue.",
            in: .access, of: [.serve], needs: "audit-log"),
        Setting(
            "allowed-hosts", .list("names of hosts"), .told("on this machine alone and without keys none, else any"),
            "Names that the server answers by beside those of loopback, separated by commas, such as vigil.example or "
                + "*.example; * for any.", in: .access, of: [.serve]),
        Setting(
            "allowed-origins", .list("origins"), .told("none"),
            "Origins whose pages may use the service in a browser, separated by commas, such as https://app.example; "
                + "* for any.", in: .access, of: [.serve]),
    ]

    private static let listening: [Setting] = [
        Setting(
            "listen", .list("HOST:PORT, [V6]:PORT, unix:/path or systemd"), .told("host and port"),
            """
            Address to listen on, in place of --host and --port: HOST:PORT, [V6]:PORT, unix:/path, or systemd for the \
            sockets that were passed; can be repeated.
            """, in: .listening, of: [.serve]),
        Setting(
            "socket-mode", .octal(0...0o777), .value("660"), "Permissions of Unix sockets, in octal.",
            in: .listening, of: [.serve]),
        Setting(
            "listen-backlog", .integer(1...65_535), .value("\(ServerConfiguration().listenBacklog)"),
            "Connections that the system keeps until they are accepted.", in: .listening, of: [.serve]),
        Setting(
            "trusted-proxies", .list("ranges of addresses, or unix"),
            """
            Ranges of addresses, separated by commas, and unix for Unix sockets, whose PROXY header, Forwarded or \
            X-Forwarded-For is believed.
            """, in: .listening, of: [.serve]),
        Setting(
            "proxy-protocol", .boolean, .value("false"),
            "Connections from trusted proxies begin with a PROXY protocol header, version 1 or 2.",
            in: .listening, of: [.serve]),
    ]
}

extension Setting {
    /// How much is taken from a client, and how long that may take. What HTTP has by itself is the default.
    static let clients: [Setting] = [
        Setting(
            "max-connections", .integer(0...1_000_000), .told("by the limit on descriptors"),
            "Open connections; beyond, one that is idle is ended, or else the new one is answered with 503.",
            in: .clients, of: [.serve]),
        Setting(
            "max-connections-per-address", .integer(0...1_000_000),
            .told("7/8 of all, for this machine's own clients all"),
            "Open connections of one IPv4 address or IPv6 /64; more are answered with 429.", in: .clients, of: [.serve]),
        seconds(
            "header-timeout", Timeouts().requestHead,
            "for the head of a request, from its first byte, and for a PROXY header."),
        seconds("body-timeout", Timeouts().bodyIdle, "between two pieces of a body."),
        seconds("write-timeout", Timeouts().writeIdle, "between two steps of a client taking its answer."),
        seconds("idle-timeout", Timeouts().keepAliveIdle, "that a connection may be open between requests."),
        seconds("linger-timeout", Timeouts().linger, from: 0, "that a client has to close after the last answer."),
        bytes(
            "min-rate", Timeouts().minimumBytesPerSecond, 1...gibi,
            "a second that bodies and answers must move on average, once their timeout has passed."),
        bytes("max-target", Limits().maxTargetBytes, 64...mebi, "of a request target; more is 414."),
        bytes("max-header-line", Limits().maxHeaderLineBytes, 256...mebi, "of a header field; more is 431."),
        bytes("max-header", Limits().maxHeaderBytes, 1_024...sixteenMebi, "of all header fields; more is 431."),
        Setting(
            "max-header-fields", .integer(8...10_000), .value("\(Limits().maxHeaderFields)"),
            "Header fields; more is 431.", in: .clients, of: [.serve]),
        bytes(
            "max-chunk-extensions", Limits().maxChunkExtensionBytes, 0...mebi,
            "of a body's chunk extensions; more is 400."),
        bytes("max-trailers", Limits().maxTrailerBytes, 2...mebi, "of a body's trailers; more is 400."),
        bytes(
            "max-drain", Limits().maxDrainBytes, 0...gibi, "of an unwanted body that are read to keep its connection."),
        bytes(
            "max-pipelined", Limits().maxPipelinedBytes, 1_024...mebi,
            "of pipelined requests that are held while one is answered."),
        bytes(
            "max-waiting-body", Limits().maxWaitingBodyBytes, 1_024...gibi,
            "of a body that are held until they are decoded."),
        bytes(
            "max-waiting-output", Limits().maxWaitingOutputBytes, 1_024...gibi,
            "of an answer that are held before no more of it is made."),
        bytes("read-buffer", Limits().readBufferBytes, 1_024...sixteenMebi, "that are read from a connection at once."),
        Setting(
            "event-loops", .integer(0...1_024), .told("the processors that it may use"),
            "Event loops that share the connections.",
            in: .clients, of: [.serve]),
    ]

    /// How connections are secured.
    static let tls: [Setting] =
        [
            Setting(
                "tls-cert", .path(.input),
                "Certificate, and those above it, in PEM: serves https alone. Read again when it changes, and on SIGHUP.",
                in: .tls, of: [.serve]),
            Setting(
                "tls-key", .path(.input), "Private key of the certificate in PEM.",
                in: .tls, of: [.serve], isSecret: true),
        ]
        + secret(
            "tls-key-passphrase", "What the private key is encrypted with", in: .tls, of: [.serve], needs: "tls-key")
        + [
            Setting(
                "tls-client-ca", .path(.input),
                "Certificate authorities in PEM; clients must show a certificate that one of them has signed.",
                in: .tls, of: [.serve]),
            Setting(
                "tls-handshake-timeout", .integer(1...3_600, .seconds),
                .value("\(Timeouts().handshake.components.seconds)"),
                "Seconds that a TLS handshake may take.", in: .tls, of: [.serve], needs: "tls-cert"),
        ]

    private static func seconds(_ name: String, _ standard: Duration, from least: Int = 1, _ help: String) -> Setting {
        Setting(
            name, .integer(least...86_400, .seconds), .value("\(standard.components.seconds)"), "Seconds \(help)",
            in: .clients, of: [.serve])
    }

    private static func bytes(_ name: String, _ standard: Int, _ range: ClosedRange<Int>, _ help: String) -> Setting {
        Setting(name, .integer(range, .bytes), .value("\(standard)"), "Bytes \(help)", in: .clients, of: [.serve])
    }
}
