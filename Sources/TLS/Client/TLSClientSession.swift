import COpenSSL

/// The client's side of TLS on one non-blocking socket. It belongs to one thread at a time.
///
/// A handshake is done only once the server's certificate leads to a trusted authority, is valid now, and names the
/// server that was asked for, in its alternative names: a common name counts for nothing.
public struct TLSClientSession: ~Copyable {
    private var session: TLSSession
    private let peer: TLSPeerName

    init?(context: OpaquePointer, descriptor: Int32, peer: TLSPeerName) {
        guard let session = TLSSession(context: context, descriptor: descriptor, side: .client),
            session.expect(peer)
        else { return nil }
        self.session = session
        self.peer = peer
    }

    /// Takes the handshake as far as it goes without waiting. A certificate that is no good is a failure whose reason
    /// says why in plain words.
    public mutating func handshake() -> TLSSession.Handshake {
        let outcome = session.handshake()
        guard case .failed(let reason) = outcome else { return outcome }
        if let complaint = session.complaint(about: peer) { return .failed(reason: complaint) }
        // Text that came too fast to be looked at first; OpenSSL takes its letters for a version.
        return reason == "wrong version number" ? .plainText : outcome
    }

    /// Reads what one record holds, up to the room in `buffer`.
    public mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> TLSSession.Transfer {
        session.read(into: buffer)
    }

    /// Writes the beginning of `bytes` as one record. After `wantsInput` or `wantsOutput` the same bytes must come
    /// again, perhaps with others after them.
    public mutating func write(_ bytes: UnsafeRawBufferPointer) -> TLSSession.Transfer {
        session.write(bytes)
    }

    /// Tells the server that nothing more will come; true once that is on its way.
    public mutating func sendClose() -> Bool { session.sendClose() }

    /// `TLSv1.2` or `TLSv1.3`.
    public var version: String { session.version }
}
