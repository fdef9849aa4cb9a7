import Logging
import Platform

extension Connection {
    /// Reads what there is of the PROXY header, and not a byte more: TLS or HTTP begins right behind it.
    ///
    /// - Returns: whether it is whole.
    func readProxyHeader() -> Bool {
        while isOpen, let wanted = proxyHeader?.wanted {
            var piece = [UInt8](repeating: 0, count: wanted)
            let outcome = piece.withUnsafeMutableBytes { transport?.peek(into: $0) }
            guard case .moved(let count) = outcome, count > 0 else { return proxyHeaderStopped(outcome) }
            do throws(ProxyHeaderError) {
                guard let read = try proxyHeader?.read(piece.span.extracting(..<count)) else { return true }
                _ = piece.withUnsafeMutableBytes { transport?.receive(into: .init(rebasing: $0[..<read.taken])) }
                if let header = read.header { apply(header) }
            } catch {
                refuseProxyHeader(error.description)
            }
        }
        return isOpen
    }

    /// Nothing more has come for now, or ever will.
    private func proxyHeaderStopped(_ outcome: Socket.Outcome?) -> Bool {
        if outcome == .wouldBlock { return false }
        // Load balancers look whether somebody listens by connections without a byte.
        if proxyHeader?.hasBegun == true { refuseProxyHeader("it ended before its header did") } else { close() }
        return false
    }

    private func apply(_ header: ProxyHeader) {
        proxyHeader = nil
        state.headClock = nil
        state.idleSince = loop.now
        guard case .client(let address) = header else { return }
        state.remote = address
        switch loop.context.count(address, in: &share) {
        case .admitted: break
        case .refused: refusal = .tooManyConnectionsOfAddress
        case .dropped: close()
        }
    }

    func refuseProxyHeader(_ reason: String) {
        loop.logger.warning(
            "a connection of a trusted proxy was closed", metadata: ["proxy": "\(peer)", "reason": "\(reason)"])
        close()
    }
}
