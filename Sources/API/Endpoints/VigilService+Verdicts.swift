import HTTP
import HTTPTypes
import JSON
import Jobs
import Platform
import Reports
import Scoring

/// `/jobs/ID/verdicts`: what people say of a job's events.
extension VigilService {
    func showVerdicts(_ request: Request) async throws -> Response {
        let id = try jobID(of: request)
        _ = try parameters(of: request, among: [])
        let offered = [Self.list, Self.table].compactMap { $0 }
        guard let form = AcceptHeader(request.head.fields[.accept]).preferred(among: offered) else {
            throw Problem.notAcceptable("A list of verdicts is to be had as application/json or text/csv.")
        }
        let job = try await scoring.job(id, for: caller(of: request))
        let (verdicts, revision) = try await scoring.verdicts(on: job)
        let isTable = form == Self.table
        let tag = isTable ? EntityTag("\(revision).csv") : Self.tag(revision)
        let fields: HTTPFields = [.eTag: tag.description, .vary: "Accept", .cacheControl: "no-cache"]
        if try Preconditions(request.head.fields).check(request.head.method, on: [tag]) {
            return Response(status: .notModified, fields: fields)
        }
        guard isTable else { return Self.answer(verdicts, revision, job) }
        var told = fields
        told[.contentType] = "text/csv; charset=utf-8"
        return Response(
            status: .ok, fields: told,
            body: .bytes(VerdictsDocument(job: job.id, verdicts: verdicts, revision: revision).table(of: job.name)))
    }

    private static let list = MediaType("application/json")
    private static let table = MediaType("text/csv")

    /// Keeps verdicts in the place of those that the client has seen.
    func keepVerdicts(_ request: Request, _ note: AuditNote?) async throws -> Response {
        let id = try jobID(of: request)
        _ = try parameters(of: request, among: [])
        try checkTakesJSON(request.head, "A list of verdicts")
        let caller = try caller(of: request)
        let job = try await scoring.job(id, for: caller)
        guard job.status == .succeeded, let snippets = JobFacts(of: job)?.snippets else {
            throw HTTPProblem(
                status: .conflict, slug: "no-scores", title: "The job has no scores",
                detail: "Job \(job.id) is \(job.status.rawValue): verdicts are on a job that has succeeded.")
        }
        let preconditions = Preconditions(request.head.fields)
        guard !preconditions.isEmpty else {
            throw HTTPProblem(
                status: HTTPResponse.Status(code: 428), slug: "precondition-required",
                title: "Say which verdicts are to be replaced",
                detail:
                    "Send If-Match with the revision that was read, such as \"0\" where there was none yet, so that nobody's "
                    + "verdicts are lost.")
        }
        let former = try await scoring.verdicts(on: job)
        _ = try preconditions.check(.put, on: [Self.tag(former.revision)])
        let body = try await request.body.collect(upTo: Verdicts.mostBytes)
        let verdicts = try taken { () throws(OptionError) in try Verdicts(body, snippets: snippets) }
        var name: String?
        if case .key(let key) = request.client { name = key }
        switch try await scoring.keep(verdicts, by: name, on: job, over: former) {
        case .kept(let verdicts, let revision):
            try await note?.record(.review, [job], status: .ok, outcome: "reviewed")
            return Self.answer(verdicts, revision, job)
        case .changed(let revision):
            throw HTTPProblem.preconditionFailed(
                "Somebody else has changed the verdicts, so that nothing was done: there is \(Self.tag(revision)).")
        case .tooLarge:
            throw HTTPProblem(
                status: .contentTooLarge, slug: "content-too-large", title: "The body is too large",
                detail: "The verdicts on a job take \(JobRemarks.mostBytes) bytes at most.")
        }
    }

    private static func tag(_ revision: Int) -> EntityTag { EntityTag("\(revision)") }

    private static func answer(_ verdicts: Verdicts, _ revision: Int, _ job: Job) -> Response {
        .json(
            VerdictsDocument(job: job.id, verdicts: verdicts, revision: revision).json,
            fields: [.eTag: tag(revision).description, .vary: "Accept", .cacheControl: "no-cache"])
    }
}

/// The verdicts on a job as they are told.
struct VerdictsDocument {
    let job: JobID
    let verdicts: Verdicts
    let revision: Int

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("job", job.description)
                json.member("revision", revision)
                json.key("verdicts")
                json.array(verdicts.all) { $1.write(to: &$0) }
            }
        }
    }

    /// The intervals in frames as `vigil eval` and `vigil train` read them: a row for each true alarm, and where others were seen to be
    /// none, one that says of the video that it has nothing.
    ///
    /// - Parameter name: what the job is called, which is its video's file
    func table(of name: String?) -> [UInt8] {
        let video = ScoreTableText.noFormula(name.map { Self.stem(of: $0) } ?? job.description)
        var rows = [["video", "label", "start", "end"]]
        for verdict in verdicts.all where verdict.kind == .trueAlarm {
            let frames = (
                verdict.range.lowerBound * Self.framesPerSnippet, verdict.range.upperBound * Self.framesPerSnippet
            )
            rows.append([video, ScoreTableText.noFormula(verdict.label ?? ""), "\(frames.0)", "\(frames.1)"])
        }
        if rows.count == 1, !verdicts.all.isEmpty { rows.append([video, "normal", "", ""]) }
        return rows.flatMap { ScoreTableText.row($0) }
    }

    private static let framesPerSnippet = 16

    /// A file's name without folders and its ending.
    private static func stem(of name: String) -> String {
        let base = name.utf8.lastIndex(of: ASCII.slash).map { name[name.utf8.index(after: $0)...] } ?? name[...]
        guard let dot = base.utf8.lastIndex(of: ASCII.dot), dot > base.utf8.startIndex else { return String(base) }
        return String(base[..<dot])
    }
}
