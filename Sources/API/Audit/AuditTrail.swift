public import Audit
public import HTTP
import HTTPTypes
import Jobs
import Scoring
import Synchronization
import Telemetry

/// The audit log as the endpoints keep it.
public struct AuditTrail: Sendable {
    /// The log.
    let log: AuditLog
    /// Whether nothing is done that can't be written down.
    let isRequired: Bool

    private let refused: RefusedRequests
    private let unwritten = Unwritten()

    private final class Unwritten: Sendable { let count = Atomic(0) }

    /// Keeps a log; where it is required, what it can't take is refused.
    public init(_ log: AuditLog, isRequired: Bool) {
        self.log = log
        self.isRequired = isRequired
        refused = RefusedRequests { log.note($0) }
    }

    /// A gate whose refusals are written down.
    ///
    /// - Parameters:
    ///   - gate: lets a request in, or answers it
    ///   - router: tells the route of a request
    public func watching(_ gate: @escaping RequestGate, routes router: Router) -> RequestGate {
        refused.watching(gate, routes: router)
    }

    /// Writes down what was refused until now.
    public func flush() { refused.flush(isLast: true) }

    /// How often something was refused since it could not be written down.
    var refusals: Int { unwritten.count.load(ordering: .relaxed) }

    /// Throws while nothing may be done since the log can't be written.
    func check() throws(HTTPProblem) {
        if isRequired, log.isFailing { throw unavailable() }
    }

    func add(_ entries: [AuditEntry]) async throws(HTTPProblem) {
        guard await !log.add(entries), isRequired else { return }
        throw unavailable()
    }

    private func unavailable() -> HTTPProblem {
        unwritten.count.add(1, ordering: .relaxed)
        return Problem.auditUnavailable
    }
}

extension Problem {
    static let auditUnavailable = HTTPProblem(
        status: .serviceUnavailable, slug: "audit-unavailable", title: "The audit log can't be written",
        detail:
            "Nothing is done that can't be written down: ask again shortly. What was handed in may have been taken, so send "
            + "it again under the same Idempotency-Key.", fields: [.retryAfter: "5"],
        shortage: Family.Shortage.audit.rawValue)
}

/// What is to be written down of a request while it is answered.
final class AuditNote: Sendable {
    private let trail: AuditTrail
    private let request: Request
    private let hasRecorded = Atomic(false)

    init(_ trail: AuditTrail, of request: Request) {
        self.trail = trail
        self.request = request
    }

    /// Writes down what was done with jobs, before anyone is told of it.
    func record(
        _ action: AuditEntry.Action, _ jobs: [Job], status: HTTPResponse.Status, outcome: String
    ) async throws(HTTPProblem) {
        hasRecorded.store(true, ordering: .relaxed)
        // As many at a time as are held in memory with ease.
        var rest = jobs[...]
        repeat {
            let some = rest.prefix(1_000)
            rest = rest.dropFirst(some.count)
            try await trail.add(some.map { entry(action, of: $0, status: status, outcome: outcome) })
        } while !rest.isEmpty
    }

    /// Writes down what was done with a job or a batch of which no more is known than the name in the request's path.
    func record(_ action: AuditEntry.Action, status: HTTPResponse.Status, outcome: String) async throws(HTTPProblem) {
        hasRecorded.store(true, ordering: .relaxed)
        try await trail.add([entryOfPath(action, status: status, outcome: outcome)])
    }

    /// Writes down that another version of a model is served, or none of its name.
    func record(_ name: String, _ sha256: String?, status: HTTPResponse.Status, outcome: String)
        async throws(HTTPProblem)
    {
        hasRecorded.store(true, ordering: .relaxed)
        var entry = entry(.change, status: status, outcome: outcome)
        (entry.model, entry.modelSHA256) = (name, sha256)
        try await trail.add([entry])
    }

    /// Writes down what is about to be done where no trace of it would be left if the process ended before the line: what is
    /// gone from the store can't be found again at the next start.
    func begin(_ action: AuditEntry.Action) async throws(HTTPProblem) {
        guard trail.isRequired, action == .delete else { return }
        var entry = entryOfPath(action, status: .ok, outcome: "begun")
        entry.status = nil
        try await trail.add([entry])
    }

    private func entryOfPath(
        _ action: AuditEntry.Action, status: HTTPResponse.Status, outcome: String
    ) -> AuditEntry {
        var entry = entry(action, status: status, outcome: outcome)
        let id = request.pathParameters["id"].map { String(decoding: $0.utf8.prefix(64), as: UTF8.self) }
        if request.head.path.utf8.starts(with: "/batches/".utf8) { entry.batch = id } else { entry.job = id }
        entry.model = request.pathParameters["name"].map { String(decoding: $0.utf8.prefix(64), as: UTF8.self) }
        return entry
    }

    /// Writes down that it was refused, unless something was done before.
    func refused(_ action: AuditEntry.Action, _ error: any Error) async throws(HTTPProblem) {
        guard !hasRecorded.load(ordering: .relaxed) else { return }
        // Whatever became of it, nobody was told who is gone.
        let isInterrupted = error is CancellationError || Task.isCancelled
        let problem = isInterrupted ? nil : Problem.of(error) ?? .failed
        try await record(
            action, status: problem?.status ?? HTTPResponse.Status(code: 499), outcome: problem?.slug ?? "interrupted")
    }

    private func entry(_ action: AuditEntry.Action, status: HTTPResponse.Status, outcome: String) -> AuditEntry {
        var entry = AuditEntry(action)
        if case .key(let name) = request.client { entry.key = name }
        entry.address = request.clientAddress.host
        entry.requestID = request.id
        entry.traceID = request.trace?.shownID?.description
        entry.status = status.code
        entry.outcome = outcome
        return entry
    }

    private func entry(
        _ action: AuditEntry.Action, of job: Job, status: HTTPResponse.Status, outcome: String
    ) -> AuditEntry {
        var entry = entry(action, status: status, outcome: outcome)
        entry.tell(of: job)
        return entry
    }
}

extension AuditEntry {
    mutating func tell(of job: Job) {
        self.job = job.id.description
        batch = job.batch?.description
        model = job.model
        modelSHA256 = job.modelSHA256
        featuresSHA256 = JobFacts(of: job)?.featuresSHA256
    }
}

extension HTTPProblem {
    /// What a client is told of a fault that nobody has named.
    fileprivate static let failed = HTTPProblem(
        status: .internalServerError, slug: "internal-error", title: "Something went wrong", detail: "")
}

extension VigilService {
    /// A handler whose doings are written down, if there is an audit log: what it does itself, and here that it was refused.
    func audited(
        _ action: AuditEntry.Action,
        _ handler: @escaping @Sendable (Request, AuditNote?) async throws -> Response
    ) -> Handler {
        guard let trail = settings.audit else { return .deferred { try await handler($0, nil) } }
        return .deferred { request in
            try trail.check()
            let note = AuditNote(trail, of: request)
            try await note.begin(action)
            do { return try await handler(request, note) } catch {
                try await note.refused(action, error)
                throw error
            }
        }
    }
}
