import HTTPTypes
import Logging
import Platform

extension HTTPProblem {
    static let plainOnTLS = HTTPProblem(
        status: .badRequest, slug: "tls-required", title: "This port speaks TLS",
        detail: "The request came without TLS to a port that speaks only TLS; use https.")
}

extension Connection {
    /// Takes the TLS handshake as far as it goes.
    func shakeHands() {
        switch transport?.handshake() {
        case .done:
            clientCertificate = transport?.clientCertificate
            state.handshakeEnded(now: loop.now)
            begin()
        case .plainText:
            state.refuseHead(.plainOnTLS, now: loop.now)
            settle()
        case .failed(let reason):
            loop.logger.debug("TLS handshake failed", metadata: ["peer": "\(peer)", "reason": "\(reason)"])
            state.handshakeFailed()
            settle()
        case .closed: close()
        case .wantsInput, .wantsOutput, nil: settle()
        }
    }
}

extension ConnectionState {
    /// What comes next are requests.
    mutating func handshakeEnded(now: MonotonicTime) {
        phase = .head
        idleSince = now
    }

    /// The client has been sent an alert, and is given the time to read it.
    mutating func handshakeFailed() {
        phase = .closing
    }
}
