import HTTPTypes
import Platform
import Testing

@testable import HTTP

@Suite("a connection over time")
struct TimeoutTests {
    @Test("a head that drips is refused after 10 seconds, however it drips (rule 20)")
    func slowHead() {
        let connection = StateHarness()
        for byte in "GET / HTTP".utf8 {
            connection.feed([byte])
            connection.pass(.milliseconds(990))
        }
        #expect(connection.sent.isEmpty)
        connection.pass(.milliseconds(200))
        #expect(connection.statuses == [408])
        #expect(connection.isHalfClosed)
    }

    @Test(
        "a connection without a request ends silently after 75 seconds (rule 20)",
        arguments: ["", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"])
    func idle(before: String) {
        let connection = StateHarness()
        connection.pass(.seconds(3))
        connection.feed(before)
        let sent = connection.sent
        connection.pass(.seconds(74))
        #expect(connection.isClosed == before.isEmpty)
        connection.pass(.seconds(2))
        #expect(connection.isClosed)
        #expect(connection.sent == sent)
    }

    @Test("a body that stops is refused after 30 seconds (rule 20)", arguments: ["/count", "/none"])
    func stoppedBody(path: String) {
        let connection = StateHarness()
        connection.feed("POST \(path) HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        connection.pass(.seconds(29))
        #expect(connection.sent.isEmpty)
        connection.pass(.seconds(2))
        #expect(connection.statuses == [408])
        #expect(connection.isHalfClosed)
    }

    @Test("a body that drips is refused too (rule 20)")
    func drippingBody() {
        let connection = StateHarness()
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
        for _ in 0..<7 {
            connection.feed("a")
            connection.pass(.seconds(5))
        }
        #expect(connection.bodyError == .timedOut)
    }

    @Test("a body that waits for its handler is not timed")
    func pausedBody() {
        let connection = StateHarness()
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        connection.change { state, now in
            state.setBodyPaused(true, now: now); return nil
        }
        connection.pass(.seconds(100))
        connection.change { state, now in
            state.setBodyPaused(false, now: now); return nil
        }
        connection.pass(.seconds(29))
        #expect(connection.bodyError == nil)
        connection.pass(.seconds(2))
        #expect(connection.bodyError == .timedOut)
    }

    @Test("a handler may take its time")
    func slowHandler() {
        let connection = StateHarness(answersDeferred: false)
        connection.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.pass(.seconds(1000))
        connection.answer(Response(status: .ok))
        #expect(connection.statuses == [200])
    }

    @Test("a client that does not read is cut off after 30 seconds (rule 20)")
    func slowReader() {
        var state = StateHarness(answersDeferred: false).state
        let start = MonotonicTime(nanoseconds: 0)
        state.output.append([UInt8](repeating: 0, count: 100_000))
        state.sent(10, now: start)
        let early = state.tick(now: start + .seconds(29))
        #expect(!early.isClose)
        state.sent(10, now: start + .seconds(29))
        // Ten bytes earn no time: the average counts from now on.
        let late = state.tick(now: start + .seconds(31))
        #expect(late.isClose)
    }

    @Test("after the last answer the client has 2 seconds to read it (rule 22)")
    func linger() {
        let connection = StateHarness()
        connection.feed("GET / HTTP/1.0\r\n\r\n")
        #expect(connection.isHalfClosed)
        connection.pass(.seconds(1))
        connection.feed("what comes now is dropped")
        #expect(!connection.isClosed)
        connection.pass(.seconds(1))
        #expect(connection.isClosed)
    }
}

@Suite("bodies and the end of connections")
struct LifecycleTests {
    private let expecting = "POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"

    @Test("100 Continue is sent when the handler asks for the body, not before (rule 14)")
    func continueWhenWanted() {
        let connection = StateHarness()
        connection.feed(expecting)
        #expect(connection.sent.isEmpty)
        connection.pass(.seconds(1000))
        connection.change { state, now in
            state.bodyWanted(now: now); return nil
        }
        #expect(connection.sent == "HTTP/1.1 100 Continue\r\n\r\n")
        connection.feed("abc")
        #expect(connection.statuses == [200])
        #expect(!connection.isHalfClosed)
    }

    @Test("a client that does not wait for 100 gets none (rule 14)")
    func continueNotAwaited() {
        let connection = StateHarness()
        connection.feed(expecting + "abc")
        #expect(connection.statuses == [200])
        #expect(!connection.sent.contains("100 Continue"))
    }

    @Test("answered without the body that was announced, the connection ends (rule 14)")
    func continueNotWanted() {
        let connection = StateHarness(answersDeferred: false)
        connection.feed(expecting)
        connection.answer(Response(status: .tooManyRequests))
        #expect(connection.sent.contains("Connection: close"))
        connection.feed("abc")
        #expect(connection.statuses == [429])
    }

    @Test("answered early, a short rest of the body is read and the connection stays (rule 22)")
    func drain() {
        let connection = StateHarness(answersDeferred: false)
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        connection.answer(Response(status: .unprocessableContent))
        connection.feed("defGET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(connection.statuses == [422, 200])
    }

    @Test("answered early, a long rest ends the connection (rule 22)")
    func longRest() {
        var limits = Limits()
        limits.maxDrainBytes = 10
        let declared = StateHarness(limits: limits, answersDeferred: false)
        declared.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 600\r\n\r\nabc")
        declared.answer(Response(status: .ok))
        #expect(declared.sent.contains("Connection: close") && declared.isHalfClosed)
        let chunked = StateHarness(limits: limits, answersDeferred: false)
        chunked.feed("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n100\r\nabc")
        chunked.answer(Response(status: .ok))
        #expect(!chunked.isHalfClosed)
        chunked.feed("0123456789a")
        #expect(chunked.isHalfClosed)
    }

    @Test("requests after one that is being answered wait, and are bounded (rule 19)")
    func pipelineBound() {
        let connection = StateHarness(answersDeferred: false)
        let request = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
        connection.feed(String(repeating: request, count: 300))
        #expect(connection.calls.count == 1)
        #expect(!connection.state.wantsInput)
        for _ in 0..<300 { connection.answer(Response(status: .ok)) }
        #expect(connection.calls.count == 300)
        #expect(connection.statuses.count == 300)
        #expect(connection.state.wantsInput)
    }

    @Test("a client that ends its side after its requests is answered (rule 21)")
    func halfClose() {
        let connection = StateHarness(answersDeferred: false)
        let request = "GET /later HTTP/1.1\r\nHost: a\r\n\r\n"
        connection.feed(request + request)
        connection.endInput()
        connection.answer(Response(status: .ok))
        #expect(!connection.isClosed)
        connection.answer(Response(status: .ok))
        #expect(connection.statuses == [200, 200])
        #expect(connection.isClosed)
    }

    @Test(
        "a connection that ends inside a request",
        arguments: [
            ("GET / HT", [400]), ("", []), ("POST /none HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na", [400]),
        ])
    func endsEarly(raw: String, statuses: [Int]) {
        let connection = StateHarness()
        connection.feed(raw)
        connection.endInput()
        #expect(connection.statuses == statuses)
        #expect(connection.isClosed)
    }

    @Test("a handler hears of a body that ends early (rule 21)")
    func bodyEndsEarly() {
        let connection = StateHarness(answersDeferred: false)
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na")
        connection.endInput()
        #expect(connection.bodyError == .closedEarly)
        #expect(!connection.isClosed)
    }

    private func shutDown(_ connection: StateHarness) {
        connection.change { state, now in
            state.shutDown(now: now)
            return nil
        }
    }

    @Test("when the server ends, an idle connection has a last moment (rule 29)")
    func shutdownWhileIdle() {
        let idle = StateHarness()
        idle.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        idle.pass(.seconds(50))
        shutDown(idle)
        idle.pass(.milliseconds(99))
        #expect(!idle.isClosed)
        idle.pass(.milliseconds(1))
        #expect(idle.isClosed)
        let lateRequest = StateHarness()
        shutDown(lateRequest)
        lateRequest.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(lateRequest.sent.contains("Connection: close"))
        #expect(lateRequest.isHalfClosed)
    }

    @Test("when the server ends, a connection that has not asked yet has a second to (rule 29)")
    func shutdownBeforeTheFirstRequest() {
        let silent = StateHarness()
        shutDown(silent)
        silent.pass(.milliseconds(999))
        #expect(!silent.isClosed)
        silent.pass(.milliseconds(1))
        #expect(silent.isClosed)
        let late = StateHarness()
        shutDown(late)
        late.pass(.milliseconds(500))
        late.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(late.statuses == [200])
    }

    @Test("when the server ends, a request under way is answered, and the answer says close (rule 29)")
    func shutdownWhileBusy() {
        let busy = StateHarness(answersDeferred: false)
        busy.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        shutDown(busy)
        busy.pass(.seconds(5))
        busy.answer(Response(status: .ok))
        #expect(busy.sent.contains("Connection: close"))
        #expect(busy.isHalfClosed)
    }
}

extension Optional<ConnectionState.Action> {
    var isClose: Bool {
        if case .close = self { true } else { false }
    }

}
