public import Jobs
public import Tracing

/// Records what became of a job within the trace of the request that brought it, also where another process took it.
public struct JobSpans: JobObserver {
    private let tracer: Tracer

    /// Records by a tracer.
    public init(_ tracer: Tracer) { self.tracer = tracer }

    /// The waiting, the scoring, and the writing of what came of it.
    public func ended(_ job: Job, writing: Duration?) {
        guard let context = job.trace.flatMap({ TraceContext(text: $0) }), context.isSampled else { return }
        let now = SpanTime.now
        let failure = job.status == .failed ? job.failure?.reason ?? "failed" : nil
        guard let timings = job.timings else {
            // No worker has had it: all that it did was to wait.
            let created = UInt64(max(0, job.createdAt.milliseconds)) * 1_000_000
            tracer.record("queue", within: context, from: created, to: now, attributes(of: job), failure: failure)
            return
        }
        let written = SpanTime.time(writing ?? .zero, before: now)
        let begun = SpanTime.time(timings.scored, before: written)
        let queued = SpanTime.time(timings.queued, before: begun)
        tracer.record("queue", within: context, from: queued, to: begun, attributes(of: job))
        tracer.record("score", within: context, from: begun, to: written, attributes(of: job), failure: failure)
        if writing != nil { tracer.record("write", within: context, from: written, to: now, attributes(of: job)) }
    }

    private func attributes(of job: Job) -> [(name: String, value: TraceSpan.Value)] {
        [
            ("vigil.job.id", .text(job.id.description)), ("vigil.job.status", .text(job.status.rawValue)),
            ("vigil.job.attempt", .integer(job.attempt)), ("vigil.job.chunks", .integer(job.parts)),
            ("vigil.job.priority", .text(job.priority.name)), ("vigil.model", .text(job.model)),
        ]
    }
}
