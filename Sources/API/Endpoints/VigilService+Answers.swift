import HTTP
import HTTPTypes
import Jobs
import Scoring

/// How `POST /score` is answered.
extension VigilService {
    /// What a client is told of the jobs that are the answer to its submission.
    func answer(_ receipt: Receipt, to request: Request, _ note: AuditNote?) async throws -> Response {
        var fields: HTTPFields = [:]
        if receipt.origin == .replayed { fields[.idempotencyReplayed] = "true" }
        if let batch = receipt.batch { return try await answer(batch, fields, to: request) }
        guard let job = receipt.jobs.first else { throw ScoringError.unknownJob("of this key") }
        return try await answer(job, fields, isReused: receipt.origin == .reused, to: request, note)
    }

    /// 202 with the job; or, where the client prefers to wait and the job ends in time, 200 with it finished.
    private func answer(
        _ job: Job, _ fields: HTTPFields, isReused: Bool, to request: Request, _ note: AuditNote?
    ) async throws -> Response {
        var fields = fields
        fields[.location] = "/jobs/\(job.id)"
        var current = job
        if let wait = preferredWait(of: request.head, &fields) {
            current = try await scoring.waited(job.id, wait) ?? job
        }
        guard current.status.isEnded else {
            Self.retry(after: current.estimatedSeconds, &fields)
            return .json(document(current).json, status: .accepted, fields: fields)
        }
        var response = try await show(current, to: request, isReused: isReused, note)
        for field in fields { response.fields[field.name] = field.value }
        return response
    }

    /// 202 with the batch; or, where the client prefers to wait and all of it ends in time, 200.
    private func answer(_ id: BatchID, _ fields: HTTPFields, to request: Request) async throws -> Response {
        var fields = fields
        fields[.location] = "/batches/\(id)"
        let wait = preferredWait(of: request.head, &fields) ?? .zero
        let batch = try await scoring.waited(id, wait, for: caller(of: request))
        if !batch.isEnded { Self.retry(after: batch.jobs.compactMap(\.estimatedSeconds).max(), &fields) }
        return .json(BatchDocument(batch: batch).json, status: batch.isEnded ? .ok : .accepted, fields: fields)
    }

    /// How long the client prefers to wait, as far as that is granted; nil where it does not ask. Preference-Applied tells
    /// what was made of it: 0 of what is no number of seconds.
    ///
    /// - Parameter asked: seconds that the query asks for, which count then
    func preferredWait(of head: RequestHead, or asked: Double? = nil, _ fields: inout HTTPFields) -> Duration? {
        let most = Double(settings.maxWait.components.seconds)
        let preferred = PreferHeader(head.fields[.prefer]).wait
        guard asked != nil || preferred != nil else { return nil }
        var seconds = 0.0
        if let asked {
            seconds = min(asked, most)
        } else if case .seconds(let preferred)? = preferred {
            seconds = min(preferred, most)
        }
        guard preferred != nil else { return .seconds(seconds) }
        let whole = Int(seconds)
        fields[.preferenceApplied] = "wait=" + (Double(whole) == seconds ? "\(whole)" : "\(seconds)")
        return .seconds(seconds)
    }

    static func retry(after seconds: Double?, _ fields: inout HTTPFields) {
        if let seconds { fields[.retryAfter] = String(max(1, Int(seconds.rounded(.up)))) }
    }
}

/// Preconditions on what has no tag: there is something, and no tag names it.
struct TaglessPreconditions: Middleware {
    func answer(_ request: Request, on route: Route, by handler: Handler.Deferred) async throws -> Response {
        let response = try await handler(request)
        let method = request.head.method
        let preconditions = Preconditions(request.head.fields)
        guard !preconditions.isEmpty, method == .get || method == .head, response.status == .ok,
            response.fields[.eTag] == nil
        else { return response }
        guard try preconditions.check(method, on: []) else { return response }
        var fields = response.fields
        fields[.contentType] = nil
        return Response(status: .notModified, fields: fields)
    }
}
