import HTTPTypes
import Synchronization
import Testing

@testable import HTTP

@Suite("what an observer is told")
struct ObserverTests {
    private final class Records: Sendable {
        private let contents = Mutex<[ExchangeRecord]>([])
        var all: [ExchangeRecord] { contents.withLock { $0 } }
        func add(_ record: ExchangeRecord) { contents.withLock { $0.append(record) } }
    }

    private let records = Records()

    private func connection(answersDeferred: Bool = true) -> StateHarness {
        StateHarness(answersDeferred: answersDeferred, observe: { [records] in records.add($0) })
    }

    @Test("each answer once, with route, decoded path, status, id and the bytes of both bodies")
    func answers() {
        let connection = connection()
        connection.feed("GET /path/a%20b?c=d HTTP/1.1\r\nHost: a\r\nX-Request-Id: one\r\n\r\n")
        connection.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        connection.feed("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.feed("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.feed("nonsense\r\n\r\n")
        let all = records.all
        #expect(all.map(\.status?.code) == [200, 200, 200, 404, 400])
        #expect(all.map(\.route) == ["/path/{name}", "/count", "/", nil, nil])
        #expect(all.map(\.path) == ["/path/a b", "/count", "/", "/nothing", nil])
        #expect(all.map(\.method) == [.get, .post, .head, .get, nil])
        #expect(all.map(\.bodyBytes) == [0, 5, 0, 0, 0])
        #expect(all.map(\.answerBytes) == [3, 7, 0, 9, 17])
        #expect(all.allSatisfy(\.isComplete) && all[0].requestID == "one")
    }

    @Test("what the gate refuses is told with the route that it was for, though nobody there learns of it")
    func refused() {
        let refusal = HTTPProblem(status: .unauthorized, slug: "no", title: "No", detail: "No.")
        let connection = StateHarness(
            gate: { head, _ throws(HTTPProblem) in
                switch head.fields[.authorization] {
                case "late": return Admission(client: .key("a"), verdict: .refused(refusal))
                case "now": return Admission(client: .key("a"), verdict: .refusedAtOnce(refusal))
                default: throw refusal
                }
            }, observe: { [records] in records.add($0) })
        for name in ["late", "now", "never"] {
            connection.feed("GET /path/a HTTP/1.1\r\nHost: a\r\nAuthorization: \(name)\r\n\r\n")
        }
        connection.feed("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(records.all.map(\.route) == ["/path/{name}", "/path/{name}", "/path/{name}", nil])
        #expect(records.all.map(\.status?.code) == [401, 401, 401, 401] && connection.calls.isEmpty)
    }

    @Test("a streamed answer at its end, with the bytes of all its pieces")
    func stream() {
        let connection = connection(answersDeferred: false)
        connection.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        connection.answer(Response(status: .ok, body: .stream(length: nil) { _ in }))
        connection.change { state, _ in
            try? state.write([1, 2, 3])
            try? state.write([4])
            return nil
        }
        #expect(records.all.isEmpty)
        connection.change { state, now in state.endStream(failed: false, now: now) }
        #expect(records.all.map(\.answerBytes) == [4])
    }

    @Test("a request whose client went away before its answer, or within it")
    func interruptions() {
        let first = connection(answersDeferred: false)
        first.feed("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
        first.change { state, now in
            state.reportInterruption(now: now)
            return nil
        }
        let second = connection(answersDeferred: false)
        second.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        second.answer(Response(status: .accepted, body: .stream(length: 9) { _ in }))
        second.change { state, now in
            try? state.write([1, 2])
            state.reportInterruption(now: now)
            return nil
        }
        #expect(records.all.map(\.status) == [nil, .accepted])
        #expect(records.all.map(\.isComplete) == [false, false])
        #expect(records.all.map(\.bodyBytes) == [3, 0])
        #expect(records.all.map(\.answerBytes) == [0, 2])
    }

    @Test("nothing of a connection that ends without a request, or after an answer")
    func silence() {
        let connection = connection()
        connection.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /")
        connection.change { state, now in
            state.reportInterruption(now: now)
            return nil
        }
        #expect(records.all.count == 1)
    }
}
