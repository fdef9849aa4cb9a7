import HTTP

/// How much `vigil serve` takes from a client, and how long that may take.
struct ClientOptions {
    let settings: Settings

    /// Puts the options into `configuration`.
    func apply(to configuration: inout ServerConfiguration) throws {
        try apply(to: &configuration.limits)
        try apply(to: &configuration.timeouts)
        let loops = try settings.integer(ifSet: "event-loops") ?? 0
        if loops > 0 { configuration.eventLoops = loops }
    }

    private func apply(to limits: inout Limits) throws {
        let names: [(String, WritableKeyPath<Limits, Int>)] = [
            ("max-target", \.maxTargetBytes), ("max-header-line", \.maxHeaderLineBytes),
            ("max-header", \.maxHeaderBytes), ("max-header-fields", \.maxHeaderFields),
            ("max-chunk-extensions", \.maxChunkExtensionBytes), ("max-trailers", \.maxTrailerBytes),
            ("max-drain", \.maxDrainBytes), ("max-pipelined", \.maxPipelinedBytes),
            ("max-waiting-body", \.maxWaitingBodyBytes), ("max-waiting-output", \.maxWaitingOutputBytes),
            ("read-buffer", \.readBufferBytes),
        ]
        for (name, limit) in names { limits[keyPath: limit] = try settings.integer(name) }
        let most = try settings.integer(ifSet: "max-connections") ?? 0
        if most > 0 { limits.maxConnections = most }
        let share = try settings.integer(ifSet: "max-connections-per-address") ?? 0
        if share > 0 { limits.maxConnectionsPerAddress = share }
    }

    private func apply(to timeouts: inout Timeouts) throws {
        let names: [(String, WritableKeyPath<Timeouts, Duration>)] = [
            ("header-timeout", \.requestHead), ("body-timeout", \.bodyIdle), ("write-timeout", \.writeIdle),
            ("idle-timeout", \.keepAliveIdle), ("linger-timeout", \.linger),
        ]
        for (name, timeout) in names { timeouts[keyPath: timeout] = try settings.seconds(name) }
        timeouts.minimumBytesPerSecond = try settings.integer("min-rate")
    }
}
