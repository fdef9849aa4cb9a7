import HTTP
import HTTPTypes
import Jobs
import Platform
import Scoring

/// `/batches/ID/comparison`, and `POST /score` with `compare`: two models' scores of the same features.
extension VigilService {
    /// How two jobs of a batch differ, which are of the same features by two models.
    func showComparison(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try batchID(of: request)
        let query = try parameters(of: request, among: ["wait"])
        try checkTakesJSON(request.head, "A comparison")
        var fields: HTTPFields = [.cacheControl: "no-store"]
        let wait = try preferredWait(of: request.head, or: wait(in: query), &fields) ?? .zero
        let batch = try await scoring.waited(id, wait, for: caller(of: request))
        guard Self.isComparable(batch.jobs) else {
            throw Self.incomparable("Batch \(id) is not one video scored by two models.")
        }
        guard batch.isEnded else {
            Self.retry(after: batch.jobs.compactMap(\.estimatedSeconds).max() ?? 1, &fields)
            return .json(BatchDocument(batch: batch).json, status: .accepted, fields: fields)
        }
        return try await compared(batch, fields, to: request, note)
    }

    /// 202 with the batch of both jobs; or, where the client prefers to wait and both end in time, 200 with the comparison.
    func answerCompared(_ receipt: Receipt, to request: Request, _ note: AuditNote?) async throws -> Response {
        guard let id = receipt.batch else { throw ScoringError.unknownBatch("of this key") }
        var fields: HTTPFields = [.location: "/batches/\(id)"]
        if receipt.origin == .replayed { fields[.idempotencyReplayed] = "true" }
        // Who does not wait gets the batch, however soon it has ended.
        let wait = preferredWait(of: request.head, &fields)
        let batch = try await scoring.waited(id, wait ?? .zero, for: caller(of: request))
        if wait != nil, batch.isEnded, Self.isComparable(batch.jobs), batch.jobs.allSatisfy({ $0.status == .succeeded })
        {
            return try await compared(batch, fields, to: request, note)
        }
        if !batch.isEnded { Self.retry(after: batch.jobs.compactMap(\.estimatedSeconds).max(), &fields) }
        let isDone = wait != nil && batch.isEnded
        return .json(BatchDocument(batch: batch).json, status: isDone ? .ok : .accepted, fields: fields)
    }

    /// Whether jobs are two of the same features by two models.
    private static func isComparable(_ jobs: [Job]) -> Bool {
        guard jobs.count == 2, let first = JobFacts(of: jobs[0]), let second = JobFacts(of: jobs[1]) else {
            return false
        }
        return first.isAbout.hasBytes(of: second.isAbout) && first.snippets == second.snippets
            && jobs[0].modelSHA256 != jobs[1].modelSHA256
    }

    private func compared(
        _ batch: Batch, _ fields: HTTPFields, to request: Request, _ note: AuditNote?
    ) async throws -> Response {
        for job in batch.jobs where job.status != .succeeded {
            throw Self.incomparable("Job \(job.id) of batch \(batch.id) is \(job.status.rawValue) and has no result.")
        }
        let isGiven = request.head.method != .head
        let stored = batch.jobs.reduce(0) { $0 + ($1.outputBytes ?? 0) }
        guard let share = scoring.answers.take(ScoreDocument.jsonEstimate(outputBytes: 2 * stored)) else {
            throw ScoringError.answersBusy
        }
        var results: [ScoreResult] = []
        for job in batch.jobs {
            results.append(
                try await scoring.result(of: job, isFetched: isGiven && note == nil, least: 0, need: { _ in 0 }).result)
        }
        let (first, second) = (results[0], results[1])
        let isLong = ComparisonDocument.jsonEstimate(first, second) > AnswerBudget.small
        let bytes = await LongWork.run(if: isLong) {
            ComparisonDocument(first, second).json(batch: batch.id.description)
        }
        if isGiven, let note {
            try await note.record(.read, batch.jobs, status: .ok, outcome: "scores")
            for job in batch.jobs { await scoring.backlog.noteFetched(job.id) }
        }
        var fields = fields
        fields[.contentType] = "application/json"
        let rendered = RenderedResult(bytes, timing: "", holding: share)
        return Response(status: .ok, fields: fields, body: rendered.body(for: request.client.description))
    }

    private static func incomparable(_ detail: String) -> HTTPProblem {
        HTTPProblem(
            status: .conflict, slug: "not-comparable", title: "There is nothing to compare", detail: detail)
    }
}
