import Platform

/// The PROXY header, which comes before TLS and HTTP and of which they must not lose a byte.
extension ConnectionState {
    /// How many bytes may be looked at for the header; 0 where none is awaited.
    var awaitedProxyBytes: Int {
        guard case .proxyHeader(let reader) = phase else { return 0 }
        return reader.wanted
    }

    /// Reads on in the header.
    ///
    /// - Parameter input: at most ``awaitedProxyBytes`` bytes, which stay where they are until they are taken
    /// - Returns: how many of them were taken, and the header once it is whole; what comes next is then the next phase's
    mutating func readProxyHeader(
        _ input: Span<UInt8>, now: MonotonicTime
    ) throws(ProxyHeaderError) -> (taken: Int, header: ProxyHeader?) {
        guard case .proxyHeader(var reader) = phase else { return (0, nil) }
        let read = try reader.read(input)
        guard let header = read.header else {
            phase = .proxyHeader(reader)
            return read
        }
        if case .client(let address) = header { remote = address }
        skipProxyHeader(now: now)
        return read
    }

    /// The input ended within the header. Load balancers look whether somebody listens by connections without a byte.
    func proxyHeaderEnded() -> Action {
        guard case .proxyHeader(let reader) = phase, reader.hasBegun else { return .close }
        return .distrust(ProxyHeaderError("it ended before its header did"))
    }

    /// Goes on without waiting for a header.
    mutating func skipProxyHeader(now: MonotonicTime) {
        phase = afterProxyHeader
        idleSince = now
    }
}
