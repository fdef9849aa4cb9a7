import Formats
import HTTP
import HTTPTypes
import Jobs

/// `/jobs` and `/jobs/ID`.
extension VigilService {
    private static let npy = MediaType("application/x-npy")
    private static let json = MediaType("application/json")
    /// Jobs on a page of the list, unless the client says otherwise, and at most.
    private static let page = (usual: 50, most: 1_000)

    func showJob(_ request: Request) async throws -> Response {
        let id = try jobID(of: request)
        try check(request.head.query, knows: ["wait"])
        var job = try await find(id)
        if let wait = try wait(in: request.head.query) {
            guard let ended = try await waited(id, wait) else { throw Problem.unknownJob(id.description) }
            job = ended
        }
        return try await show(job, to: request.head)
    }

    /// How long `wait` asks to hold the answer, as far as that is granted; nil where it does not.
    func wait(in query: QueryItems) throws(HTTPProblem) -> Duration? {
        guard let text = query["wait"] else { return nil }
        guard let seconds = Double(text), seconds >= 0, seconds <= 86_400 else {
            throw Problem.option(
                OptionError(
                    name: "wait", problem: "'\(text.prefix(40))' is out of range: expected seconds from 0 to 86400"))
        }
        return min(.seconds(seconds), settings.maxWait)
    }

    /// The job with its result, in the form that the client prefers; 304 where it has that already.
    ///
    /// - Parameter isReused: whether it answers for another submission
    func show(_ job: Job, to head: RequestHead, isReused: Bool = false) async throws -> Response {
        let form = try form(of: head)
        let tag = EntityTag(
            "\(job.revision).\(job.queuePosition ?? 0)\(form == Self.npy ? ".npy" : "")", isWeak: true)
        var fields: HTTPFields = [.eTag: tag.description, .vary: "Accept", .cacheControl: "no-cache"]
        if !job.status.isEnded {
            // When another model will be served nobody knows.
            let seconds = job.estimatedSeconds ?? (job.isModelMissing ? 30 : 1)
            fields[.retryAfter] = String(max(1, Int(seconds.rounded(.up))))
        }
        if tag.matches(ifNoneMatch: head.fields[.ifNoneMatch]), head.method != .post {
            return Response(status: .notModified, fields: fields)
        }
        let started = ContinuousClock.now
        guard job.status == .succeeded else {
            guard form != Self.npy || head.method == .post else { throw noArray(job) }
            return .json(JobDocument(job: job, isReused: isReused).json, fields: fields)
        }
        let result = try await result(of: job, fetching: head.method != .head)
        guard let share = answers.take(ScoreDocument.jsonEstimate(result)) else { throw Problem.answersBusy }
        let document = ScoreDocument(result)
        let isArray = form == Self.npy
        fields[.contentType] = isArray ? "application/x-npy" : "application/json"
        let bytes = isArray ? document.npy : JobDocument(job: job, result: document, isReused: isReused).json
        fields[.serverTiming] = Self.timing(result, written: ContinuousClock.now - started)
        return Response(status: .ok, fields: fields, body: Self.body(bytes, holding: share))
    }

    /// Small answers as they are; large ones in pieces, which hold their share of the budget until the client has them.
    private static func body(_ bytes: [UInt8], holding share: AnswerBudget.Share) -> ResponseBody {
        guard bytes.count > AnswerBudget.small else { return .bytes(bytes) }
        return .stream(length: bytes.count) { writer in
            for start in stride(from: 0, to: bytes.count, by: 256 << 10) {
                try await writer.write(Array(bytes[start..<min(start + 256 << 10, bytes.count)]))
            }
            withExtendedLifetime(share) {}
        }
    }

    /// The form of a job that the client prefers; throws 406 where it takes none.
    func form(of head: RequestHead) throws(HTTPProblem) -> MediaType? {
        let offered = [Self.json, Self.npy].compactMap { $0 }
        guard let form = AcceptHeader(head.fields[.accept]).preferred(among: offered) else {
            throw Problem.notAcceptable("A job is to be had as application/json, its result as application/x-npy too.")
        }
        return form
    }

    private func noArray(_ job: Job) -> HTTPProblem {
        Problem.notAcceptable(
            "Job \(job.id) is \(job.status.rawValue) and has no result: only application/json shows that.")
    }

    private static func timing(_ result: ScoreResult, written: Duration) -> String {
        "queue;dur=\(result.queuedMilliseconds), score;dur=\(result.scoredMilliseconds), "
            + "write;dur=\(written.milliseconds)"
    }

    private func result(of job: Job, fetching: Bool) async throws(HTTPProblem) -> ScoreResult {
        let output: JobOutput?
        do { output = try await backlog.output(job.id, fetching: fetching) } catch { throw Problem.store(error) }
        guard let output else { throw Problem.unknownJob(job.id.description) }
        guard let result = ScoreResult(encoded: output.body) else {
            throw Problem.store(.damaged(job.id, "its result can't be read"))
        }
        return result
    }

    func deleteJob(_ request: Request) async throws -> Response {
        let id = try jobID(of: request)
        let outcome: CancelOutcome
        do { outcome = try await backlog.cancel(id) } catch { throw Problem.store(error) }
        switch outcome {
        case .cancelled(let job): return .json(JobDocument(job: job).json)
        case .requested(let job): return .json(JobDocument(job: job).json, status: .accepted)
        case .alreadyEnded:
            do { _ = try await backlog.forget(id) } catch { throw Problem.store(error) }
            return Response(status: .noContent)
        case .unknown: throw Problem.unknownJob(id.description)
        }
    }

    func listJobs(_ request: Request) async throws -> Response {
        let query = request.head.query
        try check(query, knows: ["status", "batch", "created_after", "created_before", "limit", "cursor"])
        var filter = JobFilter(status: try query["status"].map(status))
        filter.batch = try query["batch"].map(batch)
        filter.from = try query["created_after"].map { try time("created_after", $0) }
        filter.until = try query["created_before"].map { try time("created_before", $0) }
        let limit = try query["limit"].map(limit) ?? Self.page.usual
        let cursor = try query["cursor"].map(cursor)
        let jobs: [Job]
        do { jobs = try await backlog.list(filter, limit: limit + 1, before: cursor) } catch {
            throw Problem.store(error)
        }
        let page = jobs.prefix(limit)
        let next = jobs.count > limit ? page.last?.id.description : nil
        let body = JSONWriter.document { json in
            json.object { json in
                json.key("jobs")
                json.array(page) { JobDocument(job: $1).write(to: &$0) }
                json.member("next", next)
            }
        }
        return .json(body)
    }

    func check(_ query: QueryItems, knows names: [String]) throws(HTTPProblem) {
        guard let stray = query.first(where: { !names.contains($0.name) }) else { return }
        throw Problem.option(
            OptionError(
                name: String(stray.name.prefix(60)),
                problem: "no such parameter: expected \(names.joined(separator: ", "))"))
    }

    private func batch(_ text: String) throws(HTTPProblem) -> BatchID {
        guard let id = BatchID(text) else {
            throw Problem.option(
                OptionError(name: "batch", problem: "'\(text.prefix(40))' is no batch's id: expected 26 characters"))
        }
        return id
    }

    private func time(_ name: String, _ text: String) throws(HTTPProblem) -> WallTime {
        guard let time = WallTime(text) else {
            throw Problem.option(
                OptionError(
                    name: name, problem: "'\(text.prefix(40))' is no time: expected one such as 2026-01-01T12:00:00Z"))
        }
        return time
    }

    private func status(_ text: String) throws(HTTPProblem) -> JobStatus {
        guard let status = JobStatus(rawValue: text) else {
            let problem = "'\(text.prefix(40))' is none: expected queued, running, succeeded, failed or cancelled"
            throw Problem.option(OptionError(name: "status", problem: problem))
        }
        return status
    }

    private func limit(_ text: String) throws(HTTPProblem) -> Int {
        guard let limit = Int(text), (1...Self.page.most).contains(limit) else {
            let problem = "'\(text.prefix(40))' is out of range: expected 1 to \(Self.page.most)"
            throw Problem.option(OptionError(name: "limit", problem: problem))
        }
        return limit
    }

    private func cursor(_ text: String) throws(HTTPProblem) -> JobID {
        guard let id = JobID(text) else {
            let problem = "'\(text.prefix(40))' is none: expected what 'next' of the page before says"
            throw Problem.option(OptionError(name: "cursor", problem: problem))
        }
        return id
    }

    func jobID(of request: Request) throws(HTTPProblem) -> JobID {
        let text = request.pathParameters["id"] ?? ""
        guard let id = JobID(text) else { throw Problem.unknownJob(text) }
        return id
    }

    func find(_ id: JobID) async throws(HTTPProblem) -> Job {
        let job: Job?
        do { job = try await backlog.job(id) } catch { throw Problem.store(error) }
        guard let job else { throw Problem.unknownJob(id.description) }
        return job
    }
}
