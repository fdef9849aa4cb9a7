import ArgumentParser
import HTTP

/// How much `vigil serve` takes from a client, and how long that may take.
struct ClientOptions: ParsableArguments {
    @Option(
        help: "Open connections of one IPv4 address or IPv6 /64. (default: seven eighths of all, none for this machine)"
    )
    var maxConnectionsPerAddress: Int?
    @Option(help: "Seconds for the head of a request, from its first byte, and for a PROXY header. (default: 10)")
    var headerTimeout: Int?
    @Option(help: "Seconds between two pieces of a body. (default: 30)")
    var bodyTimeout: Int?
    @Option(help: "Seconds between two steps of a client taking its answer. (default: 30)")
    var writeTimeout: Int?
    @Option(help: "Seconds that a connection may be open between requests. (default: 75)")
    var idleTimeout: Int?
    @Option(help: "Seconds that a client has to close after the last answer. (default: 2)")
    var lingerTimeout: Int?
    @Option(
        help:
            "Bytes a second that bodies and answers must move on average, once their timeout has passed. (default: 500)"
    )
    var minRate: Int?
    @Option(help: "Bytes of a request target; more is 414. (default: 8192)")
    var maxTarget: Int?
    @Option(help: "Bytes of a header field; more is 431. (default: 16384)")
    var maxHeaderLine: Int?
    @Option(help: "Bytes of all header fields; more is 431. (default: 32768)")
    var maxHeader: Int?
    @Option(help: "Header fields; more is 431. (default: 100)")
    var maxHeaderFields: Int?
    @Option(help: "Bytes of a body's chunk extensions; more is 400. (default: 16384)")
    var maxChunkExtensions: Int?
    @Option(help: "Bytes of a body's trailers; more is 400. (default: 8192)")
    var maxTrailers: Int?
    @Option(help: "Bytes of an unwanted body that are read to keep its connection. (default: 1048576)")
    var maxDrain: Int?
    @Option(help: "Bytes of pipelined requests that are held while one is answered. (default: 8192)")
    var maxPipelined: Int?
    @Option(help: "Bytes of a body that are held until they are decoded. (default: 524288)")
    var maxWaitingBody: Int?
    @Option(help: "Bytes of an answer that are held before no more of it is made. (default: 65536)")
    var maxWaitingOutput: Int?
    @Option(help: "Bytes that are read from a connection at once. (default: 65536)")
    var readBuffer: Int?
    @Option(help: "Event loops that share the connections. (default: the cores)")
    var eventLoops: Int?

    /// Names of the settings that have these options' values elsewhere.
    static let settingNames = [
        "body-timeout", "event-loops", "header-timeout", "idle-timeout", "linger-timeout", "max-chunk-extensions",
        "max-connections-per-address", "max-drain", "max-header", "max-header-fields", "max-header-line",
        "max-pipelined",
        "max-target", "max-trailers", "max-waiting-body", "max-waiting-output", "min-rate", "read-buffer",
        "write-timeout",
    ]

    /// Puts the options into `configuration`.
    func apply(to configuration: inout ServerConfiguration, _ settings: Settings) throws {
        try apply(to: &configuration.limits, settings)
        try apply(to: &configuration.timeouts, settings)
        let loops = try settings.integer("event-loops", eventLoops, default: 0, in: 0...1_024)
        if loops > 0 { configuration.eventLoops = loops }
    }

    private func apply(to limits: inout Limits, _ settings: Settings) throws {
        func set(
            _ limit: WritableKeyPath<Limits, Int>, _ name: String, _ flag: Int?, _ range: ClosedRange<Int>
        ) throws {
            limits[keyPath: limit] = try settings.integer(name, flag, default: limits[keyPath: limit], in: range)
        }
        try set(\.maxTargetBytes, "max-target", maxTarget, 64...1 << 20)
        try set(\.maxHeaderLineBytes, "max-header-line", maxHeaderLine, 256...1 << 20)
        try set(\.maxHeaderBytes, "max-header", maxHeader, 1_024...16 << 20)
        try set(\.maxHeaderFields, "max-header-fields", maxHeaderFields, 8...10_000)
        try set(\.maxChunkExtensionBytes, "max-chunk-extensions", maxChunkExtensions, 0...1 << 20)
        try set(\.maxTrailerBytes, "max-trailers", maxTrailers, 2...1 << 20)
        try set(\.maxDrainBytes, "max-drain", maxDrain, 0...1 << 30)
        try set(\.maxPipelinedBytes, "max-pipelined", maxPipelined, 1_024...1 << 20)
        try set(\.maxWaitingBodyBytes, "max-waiting-body", maxWaitingBody, 1_024...1 << 30)
        try set(\.maxWaitingOutputBytes, "max-waiting-output", maxWaitingOutput, 1_024...1 << 30)
        try set(\.readBufferBytes, "read-buffer", readBuffer, 1_024...16 << 20)
        let share = try settings.integer(
            "max-connections-per-address", maxConnectionsPerAddress, default: 0, in: 0...1_000_000)
        if share > 0 { limits.maxConnectionsPerAddress = share }
    }

    private func apply(to timeouts: inout Timeouts, _ settings: Settings) throws {
        func set(
            _ timeout: WritableKeyPath<Timeouts, Duration>, _ name: String, _ flag: Int?, from least: Int = 1
        ) throws {
            let seconds = try settings.integer(
                name, flag, default: Int(timeouts[keyPath: timeout].components.seconds), in: least...86_400)
            timeouts[keyPath: timeout] = .seconds(seconds)
        }
        try set(\.requestHead, "header-timeout", headerTimeout)
        try set(\.bodyIdle, "body-timeout", bodyTimeout)
        try set(\.writeIdle, "write-timeout", writeTimeout)
        try set(\.keepAliveIdle, "idle-timeout", idleTimeout)
        try set(\.linger, "linger-timeout", lingerTimeout, from: 0)
        timeouts.minimumBytesPerSecond = try settings.integer(
            "min-rate", minRate, default: timeouts.minimumBytesPerSecond, in: 1...1 << 30)
    }
}
