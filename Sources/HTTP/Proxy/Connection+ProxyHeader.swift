import Logging
import Platform

extension Connection {
    /// Reads what there is of the PROXY header, and not a byte more: TLS or HTTP begins right behind it.
    ///
    /// - Returns: whether it is whole.
    func readProxyHeader() -> Bool {
        while isOpen, state.awaitedProxyBytes > 0 {
            var piece = [UInt8](repeating: 0, count: state.awaitedProxyBytes)
            let outcome = piece.withUnsafeMutableBytes { transport?.peek(into: $0) }
            if outcome == .wouldBlock { return false }
            guard case .moved(let count) = outcome, count > 0 else {
                perform(state.proxyHeaderEnded(), [UInt8]().span)
                return false
            }
            do throws(ProxyHeaderError) {
                let (taken, header) = try state.readProxyHeader(piece.span.extracting(..<count), now: loop.now)
                _ = piece.withUnsafeMutableBytes { transport?.receive(into: .init(rebasing: $0[..<taken])) }
                if case .client(let address) = header { admit(address) }
            } catch {
                distrust(error)
            }
        }
        return isOpen
    }

    private func admit(_ address: SocketAddress) {
        switch loop.context.count(address, in: &share) {
        case .admitted: break
        case .refused: refusal = .tooManyConnectionsOfAddress
        case .dropped: close()
        }
    }

    /// Lets go of a connection that its proxy has not said anything good of.
    func distrust(_ error: ProxyHeaderError) {
        loop.logger.warning(
            "a connection of a trusted proxy was closed", metadata: ["proxy": "\(peer)", "reason": "\(error)"])
        close()
    }
}
