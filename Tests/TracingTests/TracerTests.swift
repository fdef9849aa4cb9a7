import Synchronization
import TestSupport
import Testing
import Tracing

@Suite("which traces are recorded, and as what")
struct TracerTests {
    private final class Spans: SpanSink {
        private let contents = Mutex<[TraceSpan]>([])
        var all: [TraceSpan] { contents.withLock { $0 } }
        func take(_ span: TraceSpan) { contents.withLock { $0.append(span) } }
    }

    private let spans = Spans()

    private func parent(sampled: Bool) throws -> TraceContext {
        try #require(TraceContext(parent: exampleParent.dropLast() + (sampled ? "1" : "0"), state: "a=1"))
    }

    @Test(
        "a sampler goes by itself, or by whoever hands the trace on",
        arguments: [
            (Sampler.always, true, true, true), (.never, false, false, false),
            (.parentBased(.always), true, true, false), (.parentBased(.never), false, true, false),
            (.parentBased(.ratio(0)), false, true, false), (.ratio(1), true, true, true),
        ])
    func samplers(sampler: Sampler, alone: Bool, sampled: Bool, unsampled: Bool) throws {
        var random = SeededRandom(seed: 7)
        let tracer = Tracer(sampler, to: spans)
        #expect(tracer.begin(from: nil, using: &random).context.isSampled == alone)
        #expect(tracer.begin(from: try parent(sampled: true), using: &random).context.isSampled == sampled)
        #expect(tracer.begin(from: try parent(sampled: false), using: &random).context.isSampled == unsampled)
    }

    @Test("a ratio takes so many of all traces, and the same ones in every service")
    func ratio() {
        var random = SeededRandom(seed: 11)
        let traces = (0..<20_000).map { _ in TraceID(using: &random) }
        let few = traces.filter { Sampler.ratio(0.01).samples($0, from: nil) }
        #expect((100...300).contains(few.count), "\(few.count) of 20000")
        #expect(few.allSatisfy { Sampler.ratio(0.02).samples($0, from: nil) })
    }

    @Test("a request goes on with the trace that it comes from, under a name of its own; another one begins one")
    func begin() throws {
        var random = SeededRandom(seed: 3)
        let tracer = Tracer(.parentBased(.always), to: spans)
        let parent = try parent(sampled: true)
        let next = tracer.begin(from: parent, using: &random)
        #expect(next.context.traceID == parent.traceID && next.context.state == parent.state)
        #expect(next.context.spanID != parent.spanID && next.parent == parent.spanID)
        let first = tracer.begin(from: nil, using: &random)
        #expect(first.parent == nil && first.context.traceID != parent.traceID)
        #expect(first.shownID == first.context.traceID)
        let unseen = Tracer(.never, to: spans).begin(from: nil, using: &random)
        #expect(unseen.shownID == nil)
    }

    @Test("steps of a recorded trace are told with their place in it; of another one nothing is even made")
    func steps() throws {
        let tracer = Tracer(.always, to: spans)
        func attributes() -> [(name: String, value: TraceSpan.Value)] {
            Issue.record("it was made for nothing")
            return []
        }
        tracer.record("x", within: try parent(sampled: false), from: 1, to: 2, attributes())
        tracer.record("x", within: nil, from: 1, to: 2, attributes())
        #expect(spans.all.isEmpty)
        let parent = try parent(sampled: true)
        tracer.record("score", within: parent, from: 20, to: 10, [("chunks", .integer(3))], failure: "no")
        let span = try #require(spans.all.first)
        #expect(span.name == "score" && span.parent == parent.spanID && span.context.traceID == parent.traceID)
        #expect(span.context.spanID != parent.spanID && span.failure == "no")
        #expect(span.start == 20 && span.end == 20, "no span ends before it begins")
    }
}
