import COpenSSL
import Platform
import Testing

@testable import TLS

/// Sessions on a pair of sockets, in steps that the test takes.
@Suite("sessions that are taken up again")
struct ResumptionTests {
    /// A handshake of a client of TLS 1.2 with a server's context; the server's end goes without having heard that the client ends.
    private static func shakeHands(_ server: TLSContext, _ client: OpaquePointer, _ session: OpaquePointer?) throws -> (
        session: ClientSession, isResumed: Bool
    ) {
        var ends: [CInt] = [0, 0]
        #expect(socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0, &ends) == 0)
        defer { for end in ends { close(end) } }
        guard var ours = server.makeSession(descriptor: ends[0]),
            var theirs = TLSSession(context: client, descriptor: ends[1], side: .client)
        else { throw TLSError.library("no memory") }
        if let session { SSL_set_session(theirs.ssl, session) }
        var (isOurs, isTheirs) = (false, false)
        for _ in 0..<32 where !(isOurs && isTheirs) {
            if !isTheirs, case .done = theirs.handshake() { isTheirs = true }
            if !isOurs, case .done = ours.handshake() { isOurs = true }
        }
        #expect(isOurs && isTheirs)
        let known = try #require(SSL_get1_session(theirs.ssl).map { ClientSession(owning: $0) })
        return (known, ours.isResumed)
    }

    @Test("a client that went without a word takes its session up again")
    func withoutAWord() throws {
        let server = try TLSContext(try #require(TestCertificates.shared).configuration())
        let client = try #require(SSL_CTX_new(TLS_client_method()))
        defer { SSL_CTX_free(client) }
        SSL_ctrl(client, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(TLS1_2_VERSION), nil)
        let first = try Self.shakeHands(server, client, nil)
        let second = try Self.shakeHands(server, client, first.session.pointer)
        let third = try Self.shakeHands(server, client, second.session.pointer)
        #expect([first.isResumed, second.isResumed, third.isResumed] == [false, true, true])
    }
}
