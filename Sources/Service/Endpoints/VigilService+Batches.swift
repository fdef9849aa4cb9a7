import HTTP
import HTTPTypes
import Jobs

/// `/batches/ID`.
extension VigilService {
    func showBatch(_ request: Request) async throws -> Response {
        let id = try batchID(of: request)
        let query = try parameters(of: request, among: ["wait"])
        try checkTakesJSON(request.head, "A batch")
        guard let batch = try await waited(id, try wait(in: query) ?? .zero) else {
            throw Problem.unknownBatch(id.description)
        }
        let tag = EntityTag(batch.jobs.reduce("\(batch.jobs.count)") { "\($0).\($1.revision)" }.digest, isWeak: true)
        var fields: HTTPFields = [.eTag: tag.description, .cacheControl: "no-cache"]
        if !batch.isEnded { Self.retry(after: batch.jobs.compactMap(\.estimatedSeconds).max() ?? 1, &fields) }
        if tag.matches(ifNoneMatch: request.head.fields[.ifNoneMatch]) {
            return Response(status: .notModified, fields: fields)
        }
        return .json(BatchDocument(batch: batch).json, fields: fields)
    }

    /// Cancels what has not ended; where all had, forgets the batch.
    func deleteBatch(_ request: Request) async throws -> Response {
        let id = try batchID(of: request)
        _ = try parameters(of: request, among: [])
        guard let batch = try await waited(id, .zero) else { throw Problem.unknownBatch(id.description) }
        if batch.isEnded {
            try await forEach(batch.jobs) { [backlog] id throws(JobStoreError) in _ = try await backlog.forget(id) }
            return Response(status: .noContent)
        }
        let live = batch.jobs.filter { !$0.status.isEnded }
        try await forEach(live) { [backlog] id throws(JobStoreError) in _ = try await backlog.cancel(id) }
        do throws(JobStoreError) {
            guard let left = try await backlog.batch(id) else { return Response(status: .noContent) }
            return .json(BatchDocument(batch: left).json, status: left.isEnded ? .ok : .accepted)
        } catch {
            throw Problem.store(error)
        }
    }

    /// Does something to many jobs at a time, so that they share the store's transactions. All are done, whatever comes of
    /// one.
    private func forEach(
        _ jobs: [Job], _ body: @escaping @Sendable (JobID) async throws(JobStoreError) -> Void
    ) async throws(HTTPProblem) {
        let problem = await withTaskGroup(of: JobStoreError?.self) { group in
            for job in jobs {
                group.addTask {
                    do throws(JobStoreError) { try await body(job.id) } catch { return error }
                    return nil
                }
            }
            return await group.reduce(nil as JobStoreError?) { $0 ?? $1 }
        }
        if let problem { throw Problem.store(problem) }
    }

    private func batchID(of request: Request) throws(HTTPProblem) -> BatchID {
        let text = request.pathParameters["id"] ?? ""
        guard let id = BatchID(text) else { throw Problem.unknownBatch(text) }
        return id
    }
}
