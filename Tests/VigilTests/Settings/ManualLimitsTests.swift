import Foundation
import HTTP
import TestSupport
import Testing
import Webhooks

@testable import API
@testable import Jobs
@testable import SQLiteStore
@testable import Scoring
@testable import vigil

@Suite("the numbers that README and the pages of docs tell are the code's")
struct ManualLimitsTests {
    private let manual: String
    private let problems: ProblemTypes

    init() throws {
        manual = try Manual.pages.map { try Manual.text($0) }.joined(separator: " ")
        problems = ProblemTypes(Array(try Manual.page("openapi.yaml").utf8))
    }

    private static func seconds(_ duration: Duration) -> Int { Int(duration.components.seconds) }

    @Test("limits and times")
    func limits() throws {
        let service = VigilService.Settings()
        let pace = Backlog.Pace()
        let inflation = InflationLimits(maxBytes: 1)
        let sender = WebhookSender.Limits()
        let retries = RetrySchedule()
        #expect(retries.window == .seconds(86_400), "docs say a day")
        #expect(pace.memory == .seconds(60), "docs say a minute")
        #expect(inflation.ratioAppliesFrom == 1 << 20, "docs say the first MiB")
        #expect(AnswerCompression().smallest == 1 << 10, "docs say 1 KiB")
        let most = ScoringService.mostMatrices
        let thousands = "\(most / 1_000),000"
        #expect(most % 1_000 == 0)
        let sentences = [
            "holds an answer for at most \(Self.seconds(service.maxWait)) seconds",
            "After \(Self.seconds(service.keepAliveInterval)) seconds of silence a comment keeps the stream open",
            "More jobs than may wait (`max-queued`), than \(thousands), or than its client",
            "not answered with 2xx within \(Self.seconds(sender.timeout)) seconds is sent again after growing pauses, "
                + "for a day",
            "after its first MiB beyond \(inflation.maxRatio) times its size",
            "comes at \(pace.leastBytesPerSecond >> 10) KiB a second on average",
            "brings all of it within \(Self.seconds(pace.longest)) seconds where that is more; "
                + "it may be \(Self.seconds(pace.grace)) seconds behind",
            "has no such \(Self.seconds(pace.grace)) seconds for the next ones, for a minute",
            "and warns from \(CertificateWatch.daysOfWarning) days before it",
            "came less than five minutes before it, so that a low one is overtaken for ten minutes",
            "`wait`, which is at most \(Int(VigilService.mostWaitSeconds))",
        ]
        let missing = sentences.filter { !manual.contains($0) }
        #expect(missing == [])
        let table = JobTable.Settings(resultTTL: .zero, resultBudgetBytes: 0, attempts: 1)
        #expect(table.headStart == .seconds(300), "docs say five minutes a level")
    }

    @Test("the defaults that docs tell of the server are its configuration's")
    func server() throws {
        let configuration = ServerConfiguration()
        let settings = try Settings(.serve, environment: [:])
        #expect(try settings.text("host") == configuration.host)
        #expect(try settings.integer("socket-mode") == Int(configuration.unixSocketMode))
        #expect(try settings.mebibytes("max-body") == ScoringService.Settings().maxBodyBytes)
        #expect(try settings.text("on-missing-model") == ScoringService.Settings().missingModel.rawValue)
        #expect(try settings.isOn("reuse-results") == ScoringService.Settings().reusesResults)
    }

    @Test("what docs/jobs.md tells of the store")
    func store() throws {
        let jobs = try Manual.text("docs/jobs.md")
        let sentences = [
            "inputs and results above \(StoredBody.largestRow >> 10) KiB",
            "while a transaction is flushed share the next one, up to \(CommitQueue.most).",
            "up to \(DiskSpace.mostBallastBytes >> 20) MiB that are given back",
            "takes it for two minutes", "a head start of five minutes a level",
        ]
        for sentence in sentences { #expect(jobs.contains(sentence), "\(sentence)") }
        #expect(CallbackTable.lease == .seconds(120), "docs/jobs.md says two minutes")
    }

    @Test("files are read again as soon as docs say")
    func reloading() {
        // A change is seen at one look, and that it is done at the next.
        #expect(2 * Int(Reloading.pause.components.seconds) == 4)
        #expect(manual.components(separatedBy: "within about four seconds").count == 4)
    }

    /// What docs say of a status, with a bar where the status stands, and the problem that has it; nil for an
    /// answer that is none.
    private static let statuses: [(String, String?, Int)] = [
        ("[video](video.md#over-http): | with the job and its `Location`", nil, 202),
        ("up to 32; | with features", "invalid-parameter", 422),
        ("how its frames become rows; | with features", "invalid-parameter", 422),
        ("where somebody else was quicker it is |, and", "precondition-failed", 412),
        ("without `If-Match` |, so that no review is lost", "precondition-required", 428),
        ("on one that has not succeeded it is |.", "no-scores", 409),
        ("`Prefer: wait=SECONDS` | with the finished job", nil, 200),
        ("`If-None-Match` and `If-Match` (|)", "precondition-failed", 412),
        ("`/readyz`, `/healthz` \\| | or 503", nil, 200),
        ("its size, is refused with |", "content-too-large", 413),
        ("unknown, or given twice (but for `model`), is |", "invalid-parameter", 422),
        ("may have queued, are |", "batch-too-large", 413),
        ("than there is room for now are |", "backlog-full", 429),
        ("with anything else it is |", "idempotency-key-reused", 409),
        ("beyond that it is | with `Retry-After`", "share-full", 429),
        ("A full backlog is | with", "backlog-full", 429),
        ("beside the request's id. | with `Retry-After`", "draining", 503),
        ("or else the new one gets |", "too-many-connections", 503),
        ("comes back after the end gets |.", nil, 204),
        ("A | is a promise", nil, 202),
        ("The answer is a job, |. Ask for it", nil, 202),
        ("`validate_only` \\| | with a report", nil, 200),
        ("with too little room left is |", "store-full", 507),
        ("places in the queue \\| |", "backlog-full", 429),
        ("memory of waiting uploads \\| |", "backlog-full", 429),
        ("share of either \\| |", "share-full", 429),
        ("requests a second \\| |", "rate-limited", 429),
        ("quota of the day \\| |", "quota-exceeded", 429),
        ("beyond that it is |", "store-full", 507),
        ("of all or of one address \\| |, 429", "too-many-connections", 503),
        ("that could never fit \\| |", "content-too-large", 413),
        ("that others are taking \\| |", "answers-busy", 503),
        ("room on the disk \\| |", "store-full", 507),
        ("the server is leaving \\| |", "draining", 503),
        ("a PROXY header is a |", "malformed-request", 400),
        ("or IPv6 /64; | beyond", "too-many-connections-of-client", 429),
        ("bytes of a request target; |", "target-too-long", 414),
        ("bytes of a field; |", "header-section-too-large", 431),
        ("bytes of all fields; |", "header-section-too-large", 431),
        ("100 \\| fields; |", "header-section-too-large", 431),
        ("chunk extensions; |", "malformed-request", 400),
        ("body's trailers; |", "malformed-request", 400),
        ("what has come, with |", "request-timeout", 408),
        ("without TLS is answered with |", "tls-required", 400),
        ("without it the answer is | with", "unauthorized", 401),
        ("at once after a pause; more get | with", "rate-limited", 429),
        ("with any port; anything else is |.", "host-not-allowed", 403),
        ("from a page of another origin are |,", "origin-not-allowed", 403),
        ("`statuses` (| and 503 always)", "backlog-full", 429),
        ("its owner's \\| no, | `role-forbids`", "role-forbids", 403),
        ("asked for it; of others it is |.", "not-comparable", 409),
        ("What is kept no more is |", "features-gone", 410),
        ("what is yet to come |", "features-not-ready", 409),
        ("and a job of others |.", "unknown-job", 404),
        ("`reader` \\| no, | `role-forbids`", "role-forbids", 403),
        ("with `owner=*` all \\| no, | \\|", "role-forbids", 403),
        ("… no, | \\|", "role-forbids", 403),
        ("events, waits and deletes are |, lists", "not-found", 404),
        ("from then on the answer is |, and", "unauthorized", 401),
        ("Beyond them the answer is | `quota-exceeded`", "quota-exceeded", 429),
        ("that no day has room for is |.", "beyond-quota", 413),
        ("`--max-queued-per-client`: | `share-full`", "share-full", 429),
        ("`--audit-failure refuse` answers |", "audit-unavailable", 503),
        ("a store that can be written to \\| |", "store-unavailable", 503),
        ("where it is required \\| |", "audit-unavailable", 503),
        ("before anything was looked for, |,", "unauthorized", 401),
        ("… | and", "role-forbids", 403),
        ("… |: those without", "rate-limited", 429),
    ]

    @Test("statuses are those of the problems, and none stands there that is not looked at here")
    func statuses() throws {
        var rest = manual
        for (sentence, problem, status) in Self.statuses {
            if let problem { #expect(problems[problem]?.status == status, "\(problem)") }
            let parts = sentence.replacing("\\|", with: "\u{1}").split(separator: "|", omittingEmptySubsequences: false)
            let text = parts.joined(separator: "\(status)").replacing("\u{1}", with: "|")
            #expect(parts.count == 2 && rest.contains(text), "\(text)")
            rest = rest.replacing(text, with: "…", maxReplacements: 1)
        }
        // What looks like a status and is none, or stands in an example.
        for text in [
            "beyond 200 times", "`1e-400`", "200 or 503", "`VIGIL_MIN_RATE` | 500 |", "\"status\":202",
            "429 and 503 always", "200 test videos", "On 429, 502, 503", "410 ends it",
        ] {
            rest = rest.replacing(text, with: "…")
        }
        let known = Set(problems.all.compactMap(\.status) + [200, 202, 204, 304])
        let unseen = rest.matches(of: #/\b[1-5]\d\d\b/#).compactMap { Int($0.output) }.filter(known.contains)
        #expect(unseen == [])
    }
}
