import Jobs
import Platform
import Synchronization
import Testing
import Tracing

@testable import API

@Suite("the spans of a job")
struct JobSpansTests {
    private static let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    private final class Spans: SpanSink {
        private let contents = Mutex<[TraceSpan]>([])
        var all: [TraceSpan] { contents.withLock { $0 } }
        func take(_ span: TraceSpan) { contents.withLock { $0.append(span) } }
    }

    private let spans = Spans()

    private func ended(
        _ trace: String?, as status: JobStatus = .succeeded, _ timings: JobTimings?, writing: Duration?
    ) throws {
        var new = NewJob(
            kind: "score", subject: JobSubject([]), input: JobBody([1] as [UInt8]), model: "tiny", parts: 3)
        new.trace = trace
        let id = try #require(JobID("01ARZ3NDEKTSV4RRFFQ69G5FAV"))
        var job = Job(new, id: id, createdAt: WallTime(milliseconds: 1_000))
        (job.status, job.timings) = (status, timings)
        if status == .failed { job.failure = JobFailure(reason: "not-finite", detail: "of cam 1") }
        JobSpans(Tracer(.always, to: spans)).ended(job, writing: writing)
    }

    @Test("waiting, scoring and writing follow each other, as parts of the request that brought the job")
    func steps() throws {
        let timings = JobTimings(queued: .seconds(3), scored: .milliseconds(40))
        try ended(Self.parent + " a=1", timings, writing: .milliseconds(2))
        let all = spans.all
        #expect(all.map(\.name) == ["queue", "score", "write"])
        #expect(zip(all, all.dropFirst()).allSatisfy { $0.end == $1.start })
        #expect(all.map { $0.end - $0.start }.prefix(2) == [3_000_000_000, 40_000_000])
        #expect(all.allSatisfy { $0.parent?.description == "b7ad6b7169203331" && $0.context.state == "a=1" })
        #expect(Set(all.map(\.context.spanID)).count == 3 && all.allSatisfy { $0.failure == nil })
    }

    @Test("a failure is told by its reason alone, where it came about")
    func failure() throws {
        try ended(Self.parent, as: .failed, JobTimings(queued: .zero, scored: .zero), writing: .zero)
        #expect(spans.all.map(\.failure) == [nil, "not-finite", nil])
        #expect(!spans.all.contains { span in span.attributes.contains { $0.value == .text("of cam 1") } })
    }

    @Test("a job that no worker has had has only waited")
    func waited() throws {
        try ended(Self.parent, as: .cancelled, nil, writing: nil)
        #expect(spans.all.map(\.name) == ["queue"] && spans.all[0].start == 1_000_000_000)
    }

    @Test(
        "of a job whose trace is not recorded, or is none, nothing is",
        arguments: [
            nil, "", "nonsense", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
        ])
    func unsampled(trace: String?) throws {
        try ended(trace, JobTimings(queued: .zero, scored: .zero), writing: .zero)
        #expect(spans.all.isEmpty)
    }
}
