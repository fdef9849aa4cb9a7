import Engine
import HTTP
import HTTPTypes
import JSON
import Jobs
import Platform
import Scoring

/// `/jobs` and `/jobs/ID`.
extension VigilService {
    private static let npy = MediaType("application/x-npy")
    private static let json = MediaType("application/json")
    /// Jobs on a page of the list, unless the client says otherwise, and at most.
    private static let page = (usual: 50, most: 1_000)

    func showJob(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try jobID(of: request)
        let query = try parameters(of: request, among: Self.shown)
        let asked = try wait(in: query)
        var job = try await scoring.job(id, for: caller(of: request))
        let cut = try taken { () throws(OptionError) in try ResultCut(query, of: job) }
        var fields: HTTPFields = [:]
        if let wait = preferredWait(of: request.head, or: asked, &fields) {
            guard let ended = try await scoring.waited(id, wait) else { throw ScoringError.unknownJob(id.description) }
            job = ended
        }
        var response = try await show(job, to: request, cut: cut, note)
        for field in fields { response.fields[field.name] = field.value }
        return response
    }

    /// What can be asked of a job.
    private static let shown = ["wait"] + ScoreOptions.ofCuts

    /// The name of a job's state in one of its forms: of the very bytes once they stay as they are.
    private static func tag(of job: Job, isArray: Bool, _ cut: ResultCut? = nil) -> EntityTag {
        let form = (isArray ? ".npy" : "") + (cut.map { ".\($0.text)" } ?? "")
        guard job.status.isEnded else {
            return EntityTag("\(job.revision).\(job.queuePosition ?? 0)\(form)", isWeak: true)
        }
        return EntityTag("\(job.revision).\(Vigil.version)\(form)")
    }

    /// The most that `wait` may be, of which less is granted.
    static let mostWaitSeconds = 86_400.0

    /// How many seconds `wait` asks to hold the answer, of which less may be granted; nil where it does not.
    func wait(in query: Parameters) throws(HTTPProblem) -> Double? {
        try taken { () throws(OptionError) in try query["wait"]?.number(in: 0...Self.mostWaitSeconds) }
    }

    /// The parameters of a request's query, which may have these names.
    func parameters(of request: Request, among names: [String]) throws(HTTPProblem) -> Parameters {
        try taken { () throws(OptionError) in
            try Parameters(request.head.query.map { Parameter(of: $0) }, among: names)
        }
    }

    /// What is read of parameters; a value that can't be taken is 422.
    func taken<Value>(_ read: () throws(OptionError) -> Value) throws(HTTPProblem) -> Value {
        do throws(OptionError) { return try read() } catch { throw Problem.option(error) }
    }

    /// The job with its result, in the form that the client prefers; 304 where it has that already.
    ///
    /// - Parameters:
    ///   - isReused: whether it answers for another submission
    ///   - cut: how its segments are cut; nil for as the job asked
    func show(
        _ job: Job, to request: Request, isReused: Bool = false, cut: ResultCut? = nil, _ note: AuditNote? = nil
    ) async throws -> Response {
        let head = request.head
        let form = try form(of: head)
        guard job.status == .succeeded || form != Self.npy || head.method == .post else { throw noArray(job) }
        let tag = Self.tag(of: job, isArray: form == Self.npy, cut)
        var fields: HTTPFields = [.eTag: tag.description, .vary: "Accept", .cacheControl: "no-cache"]
        if !job.status.isEnded {
            // When another model will be served nobody knows.
            let seconds = job.estimatedSeconds ?? (job.isModelMissing ? 30 : 1)
            fields[.retryAfter] = String(max(1, Int(seconds.rounded(.up))))
        }
        if head.method != .post, try Preconditions(head.fields).check(head.method, on: [tag]) {
            return Response(status: .notModified, fields: fields)
        }
        guard job.status == .succeeded else {
            return .json(document(job, isReused: isReused).json, fields: fields)
        }
        let isArray = form == Self.npy
        let isGiven = head.method != .head
        // What is written down first is fetched only then: it may be refused yet.
        let wanted = SharedResults.Form(
            job: job.id, revision: job.revision, isArray: isArray, isReused: isReused,
            isFetched: isGiven && note == nil, cut: cut)
        let result = try await results.answers.value(of: wanted) { [self] in try await render(job, as: wanted) }
        fields[.contentType] = isArray ? "application/x-npy" : "application/json"
        fields[.serverTiming] = result.timing
        if isGiven, let note {
            try await note.record(.read, [job], status: .ok, outcome: "scores")
            await scoring.backlog.noteFetched(job.id)
        }
        return Response(status: .ok, fields: fields, body: result.body(for: request.client.description))
    }

    /// Reads a result and makes the bytes of an answer of it, for all who want them now. Room for them is taken before
    /// anything is read.
    private func render(_ job: Job, as form: SharedResults.Form) async throws -> RenderedResult {
        let started = ContinuousClock.now
        let (stored, share) = try await scoring.result(
            of: job, isFetched: form.isFetched, least: ScoreDocument.jsonEstimate(outputBytes: job.outputBytes ?? 0),
            need: ScoreDocument.jsonEstimate)
        let isLong = ScoreDocument.jsonEstimate(stored) > AnswerBudget.small
        return await LongWork.run(if: isLong) {
            var result = stored
            form.cut?.apply(to: &result)
            var document = ScoreDocument(result)
            // Pictures are of the segments that the job asked for.
            document.thumbnails = form.cut == nil ? ScoreDocument.thumbnails(of: result, job: "\(job.id)") : [:]
            let bytes =
                form.isArray ? document.npy : JobDocument(job: job, result: document, isReused: form.isReused).json
            return RenderedResult(
                bytes, timing: Self.timing(result, written: ContinuousClock.now - started), holding: share)
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

    /// Throws 406 where an answer is to be had as JSON alone and the client does not take it.
    func checkTakesJSON(_ head: RequestHead, _ what: String) throws(HTTPProblem) {
        let offered = [Self.json].compactMap { $0 }
        guard AcceptHeader(head.fields[.accept]).preferred(among: offered) == nil else { return }
        throw Problem.notAcceptable("\(what) is to be had as application/json alone.")
    }

    /// A job without its result.
    func document(_ job: Job, isReused: Bool = false) -> JobDocument {
        JobDocument(
            job: job, isReused: isReused,
            missing: job.status == .queued ? scoring.reason(waiting: job) : nil)
    }

    private func noArray(_ job: Job) -> HTTPProblem {
        Problem.notAcceptable(
            "Job \(job.id) is \(job.status.rawValue) and has no result: only application/json shows that."
                + (job.failure.map { " \(JobDocument.detail(of: $0, job.id))" } ?? ""))
    }

    private static func timing(_ result: ScoreResult, written: Duration) -> String {
        "queue;dur=\(result.queuedMilliseconds), score;dur=\(result.scoredMilliseconds), "
            + "write;dur=\(written.milliseconds)"
    }

    /// Whether what has ended is forgotten by a DELETE. Whoever means to cancel alone says no, since it may end in that moment.
    private func forgets(_ request: Request) throws(HTTPProblem) -> Bool {
        let query = try parameters(of: request, among: ["forget"])
        return try taken { () throws(OptionError) in try query["forget"]?.flag() ?? true }
    }

    func deleteJob(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try jobID(of: request)
        let forgets = try forgets(request)
        let preconditions = Preconditions(request.head.fields)
        let caller = try caller(of: request)
        if !preconditions.isEmpty {
            let job = try await scoring.job(id, for: caller)
            _ = try preconditions.check(.delete, on: [false, true].map { Self.tag(of: job, isArray: $0) })
        }
        switch try await scoring.cancel(id, for: caller) {
        case .cancelled(let job):
            try await note?.record(.delete, [job], status: .ok, outcome: "cancelled")
            return .json(document(job).json)
        case .requested(let job):
            try await note?.record(.delete, [job], status: .accepted, outcome: "cancelling")
            return .json(document(job).json, status: .accepted)
        case .alreadyEnded(let job) where !forgets: return .json(document(job).json)
        case .alreadyEnded(let job):
            guard try await scoring.forget(id) else { throw ScoringError.unknownJob(id.description) }
            try await note?.record(.delete, [job], status: .noContent, outcome: "forgotten")
            return Response(status: .noContent)
        case .damaged where !forgets: throw ScoringError.store(.damaged(id, "it can't be cancelled"))
        case .damaged:
            _ = try await scoring.forget(id)
            try await note?.record(.delete, status: .noContent, outcome: "forgotten")
            return Response(status: .noContent)
        case .unknown: throw ScoringError.unknownJob(id.description)
        }
    }

    func listJobs(_ request: Request) async throws -> Response {
        let query = try parameters(
            of: request,
            among: ["status", "batch", "owner", "model", "created_after", "created_before", "limit", "cursor"])
        try checkTakesJSON(request.head, "A list of jobs")
        let (filter, limit, cursor) = try taken { () throws(OptionError) in
            (
                try Self.filter(query), try query["limit"]?.whole(in: 1...Self.page.most) ?? Self.page.usual,
                try Self.cursor(query["cursor"])
            )
        }
        let jobs = try await scoring.list(filter, limit: limit + 1, before: cursor, for: caller(of: request))
        let page = jobs.prefix(limit)
        let next = jobs.count > limit ? page.last?.id.description : nil
        let body = JSONWriter.document { json in
            json.object { json in
                json.key("jobs")
                json.array(page) { document($1).write(to: &$0) }
                json.member("next", next)
            }
        }
        return .json(body)
    }

    private static func filter(_ query: Parameters) throws(OptionError) -> JobFilter {
        var filter = JobFilter()
        filter.status = try query["status"]?.word(among: JobStatus.allCases.map { ($0.rawValue, $0) })
        filter.owner = try query["owner"]?.text()
        if let value = query["model"] { (filter.model, filter.modelDigits) = try Self.model(value) }
        filter.from = try query["created_after"]?.time()
        filter.until = try query["created_before"]?.time()
        if let value = query["batch"] {
            guard let id = BatchID(try value.text()) else {
                throw value.error("is no batch's id: expected 26 characters")
            }
            filter.batch = id
        }
        return filter
    }

    /// A name, or a name, `@` and the first digits of a SHA-256. What is served now says nothing of what jobs were accepted for.
    private static func model(_ value: ParameterReader) throws(OptionError) -> (name: String, digits: String?) {
        let (name, given) = ModelName.parts(of: try value.text())
        let digits = given?.asciiLowercase
        let areDigits = digits.map { (1...64).contains($0.utf8.count) && $0.utf8.allSatisfy(ASCII.isHexDigit) } ?? true
        guard ModelName.isFit(name), areDigits else {
            throw value.error("is no model: expected one name, or a name, '@' and the first digits of a SHA-256")
        }
        return (name, digits)
    }

    private static func cursor(_ value: ParameterReader?) throws(OptionError) -> JobID? {
        guard let value else { return nil }
        guard let id = JobID(try value.text()) else {
            throw value.error("is none: expected what 'next' of the page before says")
        }
        return id
    }

    func jobID(of request: Request) throws(HTTPProblem) -> JobID {
        let text = request.pathParameters["id"] ?? ""
        guard let id = JobID(text) else { throw Problem.of(.unknownJob(text)) }
        return id
    }
}

extension Parameter {
    /// A parameter as it stands in a query.
    init(of item: QueryItems.Item) {
        self.init(item.name, item.isBare ? .bare : .text(item.value))
    }
}

/// `/batches/ID`.
extension VigilService {
    func showBatch(_ request: Request) async throws -> Response {
        let id = try batchID(of: request)
        let query = try parameters(of: request, among: ["wait"])
        try checkTakesJSON(request.head, "A batch")
        var fields: HTTPFields = [.cacheControl: "no-cache"]
        let wait = try preferredWait(of: request.head, or: wait(in: query), &fields) ?? .zero
        let batch = try await scoring.waited(id, wait, for: caller(of: request))
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

    /// Cancels what has not ended; where all had, forgets the batch. Of one of which nothing can be read no state is known that
    /// a precondition could be held against.
    func deleteBatch(_ request: Request, _ note: AuditNote? = nil) async throws -> Response {
        let id = try batchID(of: request)
        let forgets = try forgets(request)
        let preconditions = Preconditions(request.head.fields)
        let caller = try caller(of: request)
        guard let batch = try await batch(id, for: caller, mustBeKnown: !preconditions.isEmpty || !forgets) else {
            try await scoring.forgetUnreadable(of: id, for: caller)
            try await note?.record(.delete, status: .noContent, outcome: "forgotten")
            return Response(status: .noContent)
        }
        _ = try preconditions.check(.delete, on: [Self.tag(of: batch)])
        if batch.isEnded, !forgets { return .json(BatchDocument(batch: batch).json) }
        guard let left = try await scoring.end(batch) else {
            try await note?.record(.delete, batch.jobs, status: .noContent, outcome: "forgotten")
            return Response(status: .noContent)
        }
        let live = batch.jobs.filter { !$0.status.isEnded }
        try await note?.record(.delete, live, status: left.isEnded ? .ok : .accepted, outcome: "cancelled")
        return .json(BatchDocument(batch: left).json, status: left.isEnded ? .ok : .accepted)
    }

    /// The batch; nil where nothing of it can be read, unless something has to be.
    private func batch(_ id: BatchID, for caller: Caller, mustBeKnown: Bool) async throws -> Batch? {
        do { return try await scoring.waited(id, .zero, for: caller) } catch ScoringError.unknownBatch
            where !mustBeKnown
        {
            return nil
        }
    }

    func batchID(of request: Request) throws(HTTPProblem) -> BatchID {
        let text = request.pathParameters["id"] ?? ""
        guard let id = BatchID(text) else { throw Problem.of(.unknownBatch(text)) }
        return id
    }
}
