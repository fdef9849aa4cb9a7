import HTTP
import HTTPTypes
import Jobs
import Scoring

/// `POST /jobs/ID/again`.
extension VigilService {
    /// Queues a job that scores anew what another one was about; what is not asked otherwise is as it was.
    func scoreAgain(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try jobID(of: request)
        let given = Self.parameters(of: request.head)
        let key = try IdempotencyField.read(request.head.fields)
        _ = try form(of: request.head)
        let caller = try caller(of: request)
        let job = try await scoring.job(id, for: caller)
        let receipt: Receipt
        do throws(ScoringError) {
            receipt = try await scoring.scoreAgain(job, given, caller: caller, key: key) {
                Self.trace(of: request, $0)
            }
        } catch {
            guard case .noFeatures(let sentence, isYetToCome: false) = error else { throw error }
            throw Self.gone(sentence, job)
        }
        try await note?.record(.submit, receipt.jobs, status: .accepted, outcome: receipt.origin.word)
        return try await answer(receipt, to: request, note)
    }

    private static func gone(_ sentence: String, _ job: Job) -> HTTPProblem {
        let advice =
            job.status == .succeeded
            ? " Its segments can be cut anew without them: GET /jobs/\(job.id)?threshold=." : ""
        return HTTPProblem(
            status: .gone, slug: "features-gone", title: "The job's features are not kept any more",
            detail: sentence + advice)
    }
}
