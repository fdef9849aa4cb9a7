import HTTP
import HTTPTypes
import Jobs

/// `/batches/ID`.
extension VigilService {
    func showBatch(_ request: Request) async throws -> Response {
        let id = try batchID(of: request)
        let query = try parameters(of: request, among: ["wait"])
        try checkTakesJSON(request.head, "A batch")
        var fields: HTTPFields = [.cacheControl: "no-cache"]
        let wait = try wait(in: query) ?? preferredWait(of: request.head, &fields) ?? .zero
        guard let batch = try await waited(id, wait) else { throw Problem.unknownBatch(id.description) }
        let tag = Self.tag(of: batch)
        fields[.eTag] = tag.description
        if !batch.isEnded { Self.retry(after: batch.jobs.compactMap(\.estimatedSeconds).max() ?? 1, &fields) }
        if try Preconditions(request.head.fields).check(request.head.method, on: [tag]) {
            return Response(status: .notModified, fields: fields)
        }
        return .json(BatchDocument(batch: batch).json, fields: fields)
    }

    /// The name of a batch's state: of the very bytes once they stay as they are.
    private static func tag(of batch: Batch) -> EntityTag {
        let states = batch.jobs.reduce("\(batch.jobs.count)") { "\($0).\($1.revision)" }
        return EntityTag("\(states).\(Vigil.version)".digest, isWeak: !batch.isEnded)
    }

    /// Cancels what has not ended; where all had, forgets the batch.
    func deleteBatch(_ request: Request) async throws -> Response {
        let id = try batchID(of: request)
        _ = try parameters(of: request, among: [])
        guard let batch = try await waited(id, .zero) else { throw Problem.unknownBatch(id.description) }
        _ = try Preconditions(request.head.fields).check(.delete, on: [Self.tag(of: batch)])
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
