import HTTPTypes
import Synchronization
import TestSupport
import Testing
import Tracing

@testable import HTTP

@Suite("where requests are in a trace")
struct TraceTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private final class Records: Sendable {
        private let contents = Mutex<[ExchangeRecord]>([])
        var all: [ExchangeRecord] { contents.withLock { $0 } }
        func add(_ record: ExchangeRecord) { contents.withLock { $0.append(record) } }
    }

    private struct Nowhere: SpanSink {
        func take(_ span: TraceSpan) {}
    }

    /// What is told of requests with these fields.
    private func traces(_ sampler: Sampler?, _ fields: [String], gate: RequestGate? = nil) -> [RequestTrace?] {
        let records = Records()
        let connection = StateHarness(
            gate: gate, observe: { records.add($0) }, tracer: sampler.map { Tracer($0, to: Nowhere()) })
        for field in fields { connection.feed("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n") }
        return records.all.map(\.trace)
    }

    @Test("without a tracer a request keeps the place that it comes from, and has none otherwise")
    func untraced() throws {
        let found = traces(
            nil,
            [
                "", "traceparent: \(Self.parent)\r\n",
                "Traceparent: \(Self.parent)\r\ntracestate: a=1\r\nTraceState: b=2\r\n",
                "traceparent: nonsense\r\ntracestate: a=1\r\n",
                "traceparent: \(Self.parent)\r\ntraceparent: \(Self.parent)\r\n",
            ])
        #expect(found.map { $0?.context.text } == [nil, Self.parent, Self.parent + " a=1,b=2", nil, nil])
        #expect(found.allSatisfy { $0 == nil || $0?.parent == $0?.context.spanID })
    }

    @Test("with one each request has a place of its own: in the trace that it comes from, or in a new one")
    func traced() throws {
        let found = traces(.parentBased(.never), ["", "traceparent: \(Self.parent)\r\n", ""])
        let places = try found.map { try #require($0) }
        #expect(places.map(\.context.isSampled) == [false, true, false])
        #expect(places[1].context.traceID.description == "0af7651916cd43dd8448eb211c80319c")
        #expect(places[1].parent?.description == "b7ad6b7169203331" && places[0].parent == nil)
        #expect(Set(places.map(\.context.traceID)).count == 3 && Set(places.map(\.context.spanID)).count == 3)
    }

    @Test("what is recorded is not for anybody to say whom the gate does not let in and trust, by flag or name")
    func untrusted() throws {
        let refusing: RequestGate = { _, _ throws(HTTPProblem) in throw .malformed("") }
        func answering(_ verdict: Admission.Verdict, isTrusted: Bool) -> RequestGate {
            { _, peer throws(HTTPProblem) in
                Admission(client: ClientIdentity(peer), isTrusted: isTrusted, verdict: verdict)
            }
        }
        let cases: [(RequestGate, Bool)] = [
            (refusing, false), (answering(.refusedAtOnce(.malformed("")), isTrusted: true), false),
            (answering(.refused(.malformed("")), isTrusted: true), false),
            (answering(.admitted, isTrusted: false), false), (answering(.admitted, isTrusted: true), true),
        ]
        // Of the name's last bytes a ratio takes the least first.
        let names = [Self.parent, "00-0af7651916cd43dd0000000000000001-b7ad6b7169203331-00"]
        for (gate, isHeeded) in cases {
            for (sampler, name) in [
                (Sampler.parentBased(.never), names[0]), (.ratio(1e-12), names[1]), (nil, names[0]),
            ] {
                let trace = try #require(traces(sampler, ["traceparent: \(name)\r\n"], gate: gate).first)
                #expect(trace?.context.isSampled == isHeeded)
                #expect(trace?.context.traceID.description == String(name.dropFirst(3).prefix(32)))
            }
        }
    }
}
