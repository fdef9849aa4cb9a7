import HTTP
import HTTPTypes
import Jobs

/// `/batches/ID`.
extension VigilService {
    func showBatch(_ request: Request) async throws -> Response {
        let id = try batchID(of: request)
        try check(request.head.query, knows: ["wait"])
        guard let batch = try await waited(id, try wait(in: request.head.query) ?? .zero) else {
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
        guard let batch = try await waited(id, .zero) else { throw Problem.unknownBatch(id.description) }
        do throws(JobStoreError) {
            if batch.isEnded {
                for job in batch.jobs { _ = try await backlog.forget(job.id) }
                return Response(status: .noContent)
            }
            for job in batch.jobs where !job.status.isEnded { _ = try await backlog.cancel(job.id) }
            guard let left = try await backlog.batch(id) else { return Response(status: .noContent) }
            return .json(BatchDocument(batch: left).json, status: left.isEnded ? .ok : .accepted)
        } catch {
            throw Problem.store(error)
        }
    }

    private func batchID(of request: Request) throws(HTTPProblem) -> BatchID {
        let text = request.pathParameters["id"] ?? ""
        guard let id = BatchID(text) else { throw Problem.unknownBatch(text) }
        return id
    }
}
