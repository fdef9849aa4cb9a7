import HTTPTypes
import Platform
import Testing

@testable import HTTP

/// What a connection decides about its handshake, without a socket and on a clock that the test moves.
@Suite("the state of a connection that shakes hands")
struct HandshakeStateTests {
    private static let start = MonotonicTime(nanoseconds: 1_000_000_000)

    private static func state() -> ConnectionState {
        let context = ServerContext(
            configuration: ServerConfiguration(), router: Router(),
            renderProblem: { problem, _, _ in Response(status: problem.status, text: problem.slug) })
        return ConnectionState(
            context: context, dateLine: DateLine { 784_111_777 }, idSeed: 1, isSecured: true, now: start)
    }

    @Test("it has ten seconds, and not a moment more")
    func timeout() {
        var state = Self.state()
        #expect(state.deadline == Self.start + .seconds(10))
        #expect(state.tick(now: Self.start + .milliseconds(9_999)) == nil)
        guard case .close = state.tick(now: Self.start + .seconds(10)) else {
            Issue.record("the connection goes on")
            return
        }
        #expect(state.output.isEmpty)
    }

    @Test("bytes do not become requests, and do not give it more time")
    func noRequests() {
        var state = Self.state()
        let input = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
        var position = 0
        #expect(state.advance(input.span, at: &position, now: Self.start + .seconds(5)) == nil)
        #expect(position == 0 && state.wantsInput && state.exchange == nil)
        #expect(state.deadline == Self.start + .seconds(10))
    }

    @Test("once it is over, the time until the first request is that of an idle connection")
    func done() {
        var state = Self.state()
        state.handshakeEnded(now: Self.start + .seconds(3))
        #expect(state.deadline == Self.start + .seconds(3) + Timeouts().keepAliveIdle)
    }

    @Test("after a failed one the client has a moment to read the alert, and what it sends is dropped")
    func failed() {
        var state = Self.state()
        state.handshakeFailed()
        guard case .halfClose = state.afterSending(now: Self.start) else {
            Issue.record("our side does not end")
            return
        }
        var position = 0
        #expect(state.advance([1, 2, 3].span, at: &position, now: Self.start) == nil)
        #expect(position == 3 && state.output.isEmpty)
        #expect(state.deadline == Self.start + Timeouts().linger)
    }

    @Test("a shutdown leaves it a second")
    func shutdown() {
        var state = Self.state()
        state.shutDown(now: Self.start + .seconds(1))
        #expect(state.deadline == Self.start + .seconds(2))
    }
}
