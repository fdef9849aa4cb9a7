import HTTP
import HTTPTypes
import Jobs
import Scoring

/// `/batches/ID`.
extension VigilService {
    func showBatch(_ request: Request) async throws -> Response {
        let id = try batchID(of: request)
        let query = try parameters(of: request, among: ["wait"])
        try checkTakesJSON(request.head, "A batch")
        var fields: HTTPFields = [.cacheControl: "no-cache"]
        let wait = try preferredWait(of: request.head, or: wait(in: query), &fields) ?? .zero
        let batch = try await scoring.waited(id, wait)
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
        let batch = try await scoring.waited(id, .zero)
        _ = try Preconditions(request.head.fields).check(.delete, on: [Self.tag(of: batch)])
        guard let left = try await scoring.end(batch) else { return Response(status: .noContent) }
        return .json(BatchDocument(batch: left).json, status: left.isEnded ? .ok : .accepted)
    }

    private func batchID(of request: Request) throws(HTTPProblem) -> BatchID {
        let text = request.pathParameters["id"] ?? ""
        guard let id = BatchID(text) else { throw Problem.of(.unknownBatch(text)) }
        return id
    }
}
