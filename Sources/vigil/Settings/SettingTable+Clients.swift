import HTTP

// By name: the checker of types takes long for sums in a long list.
private let mebi = 1 << 20
private let sixteenMebi = 16 << 20
private let gibi = 1 << 30

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
            "event-loops", .integer(0...1_024), .told("the cores"), "Event loops that share the connections.",
            in: .clients, of: [.serve]),
    ]

    /// How connections are secured.
    static let tls: [Setting] = [
        Setting(
            "tls-cert", .path(.input),
            "Certificate, and those above it, in PEM: serves https alone. Read again when it changes, and on SIGHUP.",
            in: .tls, of: [.serve]),
        Setting(
            "tls-key", .path(.input), "Private key of the certificate in PEM, not encrypted.",
            in: .tls, of: [.serve], isSecret: true),
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
