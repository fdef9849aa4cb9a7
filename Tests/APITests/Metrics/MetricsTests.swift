import Engine
import Foundation
import HTTPTypes
import Jobs
import Platform
import Telemetry
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import HTTP
@testable import Scoring

@Suite("/metrics")
struct MetricsTests {
    private let telemetry = JobTelemetry(keys: ["alice"])
    private let clock = ManualClock()
    private let service: VigilService
    private let page: MetricsPage

    init() throws {
        let configuration = ModelConfiguration(width: 16, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
        let backlog = Backlog(
            store: MemoryJobStore(clock: clock), limits: .init(maxJobs: 5, maxBytes: 5_000), clock: clock,
            observer: telemetry)
        var settings = ScoringService.Settings()
        settings.scored = { [telemetry] in telemetry.scored(snippets: $0) }
        let openAPI = try Data(contentsOf: URL(filePath: Paths.root + "/openapi.yaml"))
        service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: try Model.synthetic(configuration, kernels: .available[0])),
                backlog: backlog, workers: 1, settings: settings), openAPI: Array(openAPI))
        page = service.metrics(of: telemetry)
    }

    private func text(_ format: TextFormat = .prometheus) async -> String {
        String(decoding: await page.text(as: format), as: UTF8.self)
    }

    /// The values of the samples, by name and labels.
    private func samples() async -> [String: String] {
        let lines = await text().split(separator: "\n").filter { !$0.hasPrefix("#") }
        return Dictionary(
            lines.compactMap { line in
                line.lastIndex(of: " ").map { (String(line[..<$0]), String(line[line.index(after: $0)...])) }
            }
        ) { first, second in "\(first) and \(second)" }
    }

    private func record(
        _ method: HTTPRequest.Method? = .get, _ route: String? = "/jobs", _ status: HTTPResponse.Status? = .ok,
        problem: String? = nil, shortage: String? = nil, body: Int = 0
    ) -> ExchangeRecord {
        ExchangeRecord(
            address: .unknown, client: nil, method: method, route: route, path: "/", requestID: "one", trace: nil,
            status: status, problem: problem, shortage: shortage, isComplete: true, duration: .milliseconds(3),
            bodyBytes: body, answerBytes: 300)
    }

    @Test("all families of the table are told, in its order, and no other")
    func families() { #expect(page.families == Family.all) }

    @Test("a fresh server tells each family, and no sample twice")
    func fresh() async {
        let text = await text()
        for family in Family.all {
            #expect(text.contains("# TYPE \(family.name) "), "\(family.name)")
            let names = family.sampleNames
            let has = text.split(separator: "\n").contains { line in
                names.contains { line.hasPrefix($0 + "{") || line.hasPrefix($0 + " ") }
            }
            #expect(has, "\(family.name) has no sample")
        }
        #expect(await samples().values.filter { $0.contains(" and ") } == [])
    }

    @Test("what has not happened is there at zero: routes, reasons, problems, priorities, phases")
    func zeros() async {
        let samples = await samples()
        let expected = [
            "vigil_http_requests_total{method=\"POST\",route=\"/score\",status=\"202\"}",
            "vigil_http_requests_total{method=\"DELETE\",route=\"/jobs/{id}\",status=\"500\"}",
            "vigil_http_request_duration_seconds_count{method=\"GET\",route=\"/jobs/{id}\",status=\"2xx\"}",
            "vigil_http_problems_total{type=\"malformed-request\"}", "vigil_http_problems_total{type=\"backlog-full\"}",
            "vigil_refused_total{reason=\"queue-full\"}", "vigil_refused_total{reason=\"draining\"}",
            "vigil_jobs_submitted_total{priority=\"low\"}", "vigil_jobs_ended_total{status=\"failed\"}",
            "vigil_queue_jobs{priority=\"high\",model=\"synthetic\"}", "vigil_jobs{status=\"running\"}",
            "vigil_job_write_seconds_bucket{le=\"0.001\"}", "vigil_job_wait_seconds_count",
            "vigil_cpu_seconds_total{key=\"alice\"}", "vigil_cpu_seconds_total{key=\"anonymous\"}",
            "vigil_callback_tries_total{outcome=\"given-up\"}",
            "vigil_alerts_total{place=\"frigate\",outcome=\"told\"}", "vigil_alert_place_away{place=\"mqtt\"}",
            "vigil_alerts_waiting", "vigil_tls_handshakes_total{outcome=\"failed\"}",
        ]
        for name in expected { #expect(samples[name] == "0", "\(name)") }
        let counters = Set(Family.all.filter { $0.kind == .counter && $0.name.hasPrefix("vigil") }.map(\.name))
        let moved = samples.filter { sample in
            counters.contains(String(sample.key.prefix { $0 != "{" })) && sample.value != "0"
        }
        #expect(moved == [:])
    }

    @Test("no histogram is most of what an idle server tells")
    func idleSize() async {
        let samples = await samples()
        let largest = Dictionary(grouping: samples.keys) { $0.prefix { $0 != "{" } }.values.map(\.count).max() ?? 0
        #expect(largest * 2 < samples.count && samples.count < 1_500, "\(largest) of \(samples.count)")
    }

    @Test("requests count by method, route and status; what has no route or an unknown method has one series")
    func requests() async {
        for one in [
            record(), record(), record(.head), record(.post, "/score", .accepted, body: 5_000), record(nil, nil, nil),
            record(HTTPRequest.Method("BREW"), nil, .notImplemented, problem: "method-not-implemented"),
            record(.get, "/jobs", HTTPResponse.Status(code: 418)), record(.get, nil, .notFound, problem: "not-found"),
        ] { page.requests.observe(one) }
        let samples = await samples()
        let expected = [
            "vigil_http_requests_total{method=\"GET\",route=\"/jobs\",status=\"200\"}": "2",
            "vigil_http_requests_total{method=\"HEAD\",route=\"/jobs\",status=\"200\"}": "1",
            "vigil_http_requests_total{method=\"POST\",route=\"/score\",status=\"202\"}": "1",
            "vigil_http_requests_total{method=\"other\",route=\"none\",status=\"none\"}": "1",
            "vigil_http_requests_total{method=\"other\",route=\"none\",status=\"501\"}": "1",
            "vigil_http_requests_total{method=\"GET\",route=\"/jobs\",status=\"other\"}": "1",
            "vigil_http_requests_total{method=\"GET\",route=\"none\",status=\"404\"}": "1",
            "vigil_http_request_duration_seconds_bucket{method=\"GET\",route=\"/jobs\",status=\"2xx\",le=\"0.0025\"}":
                "0",
            "vigil_http_request_duration_seconds_bucket{method=\"GET\",route=\"/jobs\",status=\"2xx\",le=\"0.005\"}":
                "2",
            "vigil_http_request_duration_seconds_sum{method=\"GET\",route=\"/jobs\",status=\"2xx\"}": "0.006",
            "vigil_http_request_body_bytes_sum{method=\"POST\",route=\"/score\"}": "5000",
            "vigil_http_response_body_bytes_sum{method=\"GET\",route=\"/jobs\"}": "900",
            "vigil_http_problems_total{type=\"not-found\"}": "1",
        ]
        for (name, value) in expected { #expect(samples[name] == value, "\(name)") }
    }

    @Test("each answer to overload counts for its reason, and only then", arguments: Family.Shortage.allCases)
    func refusals(_ shortage: Family.Shortage) async {
        page.requests.observe(record(.post, "/score", .tooManyRequests, problem: "p", shortage: shortage.rawValue))
        page.requests.observe(record(.post, "/score", .notFound, problem: "unknown-job"))
        let samples = await samples()
        for other in Family.Shortage.allCases {
            #expect(samples["vigil_refused_total{reason=\"\(other.rawValue)\"}"] == (other == shortage ? "1" : "0"))
        }
        #expect(samples["vigil_http_problems_total{type=\"other\"}"] == "1")
    }

    @Test("what is refused for want of something says what was short, and nothing else does")
    func shortages() {
        let store = JobStoreError.full(neededBytes: 1, heldBytes: 1, limitBytes: 1)
        let expected: [(SubmitError, String?)] = [
            (.backlogFull(retryAfterSeconds: 1), "queue-full"), (.bytesFull(retryAfterSeconds: 1), "bytes-full"),
            (.shareFull(retryAfterSeconds: 1), "client-share"), (.draining, "draining"), (.store(store), "disk"),
            (.store(.diskFull("d")), "disk"), (.store(.unavailable("u")), "store"), (.tooSlow, nil),
            (.tooLarge(bytes: 2, limitBytes: 1), nil),
        ]
        for (error, shortage) in expected { #expect(Problem.submit(error).shortage == shortage, "\(error)") }
        #expect(Problem.answersBusy.shortage == "memory")
        #expect(Problem.auditUnavailable.shortage == "audit")
        #expect(Problem.rateLimited(RateLimit(perSecond: 1, burst: 1), [:]).shortage == "rate")
    }

    @Test("jobs, chunks, snippets and the workers' time count as they are scored, by the key that sent them")
    func jobs() async throws {
        let job = newJob(rows: 20, client: "key alice")
        let submitted = try await service.scoring.backlog.submit(job)
        clock.advance(by: .seconds(2))
        let waiting = await samples()
        #expect(waiting["vigil_queue_jobs{priority=\"normal\",model=\"synthetic\"}"] == "1")
        #expect(waiting["vigil_queue_bytes{priority=\"normal\",model=\"synthetic\"}"] == "\(20 * 16 * 4)")
        #expect(waiting["vigil_queue_oldest_wait_seconds{priority=\"normal\",model=\"synthetic\"}"] == "2")
        #expect(waiting["vigil_jobs{status=\"queued\"}"] == "1")
        try service.scoring.start()
        _ = try await service.scoring.waited(submitted.id, .seconds(60))
        _ = await service.scoring.drain(within: .seconds(60))
        let samples = await samples()
        let expected = [
            "vigil_jobs_submitted_total{priority=\"normal\"}": "1", "vigil_jobs_ended_total{status=\"succeeded\"}": "1",
            "vigil_jobs{status=\"succeeded\"}": "1", "vigil_jobs{status=\"queued\"}": "0",
            "vigil_queue_jobs{priority=\"normal\",model=\"synthetic\"}": "0", "vigil_chunks_scored_total": "3",
            "vigil_snippets_scored_total": "20", "vigil_job_wait_seconds_count": "1", "vigil_job_wait_seconds_sum": "2",
            "vigil_job_score_seconds_count": "1", "vigil_job_write_seconds_count": "1",
        ]
        for (name, value) in expected { #expect(samples[name] == value, "\(name)") }
        #expect(samples["vigil_cpu_seconds_total{key=\"alice\"}"] != "0")
        #expect(samples["vigil_cpu_seconds_total{key=\"anonymous\"}"] == "0")
    }

    private func newJob(rows: Int, client: String) -> NewJob {
        var random = SeededRandom(seed: 3)
        return .score(
            random.floats(rows * 16, scale: 0.8),
            ScoreSubject(snippets: rows, width: 16, digest: FeatureDigest("00"), options: ScoreOptions().encoded),
            client: client, by: ModelID(name: "synthetic", sha256: nil),
            parts: Chunks(snippets: rows, length: 8).count)
    }

    @Test(
        "the format goes by Accept, and who accepts neither gets Prometheus' all the same",
        arguments: [
            (nil, TextFormat.prometheus), ("*/*", .prometheus), ("text/plain", .prometheus), ("image/png", .prometheus),
            ("application/openmetrics-text", .openMetrics),
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                    + "text/plain;version=0.0.4;q=0.5,*/*;q=0.1", .openMetrics
            ),
            ("text/plain;version=0.0.4;q=0.9,application/openmetrics-text;version=1.0.0;q=0.5", .prometheus),
        ] as [(String?, TextFormat)])
    func negotiation(_ accept: String?, _ format: TextFormat) async {
        let fields = HeaderFields(accept.map { [(name: .accept, value: $0)] } ?? [])
        let answer = await service.showMetrics(
            Request(head: RequestHead(method: .get, path: "/metrics", fields: fields)))
        #expect(answer.fields[.contentType] == format.contentType)
        guard case .bytes(let bytes) = answer.body else { return #expect(Bool(false), "no text") }
        #expect(String(decoding: bytes.suffix(6), as: UTF8.self).contains("EOF") == (format == .openMetrics))
    }

    @Test("with --metrics off there is no such path")
    func off() {
        var settings = VigilService.Settings()
        settings.showsMetrics = false
        let service = VigilService(service.scoring, openAPI: [], settings: settings)
        #expect(!service.router().descriptions.contains { $0.pattern == "/metrics" })
    }

    @Test("/metrics asks for a key as other paths do, unless it is public")
    func access() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "vigil-keys-\(UUID())").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        try APIKeysTests.line("alice", "one").write(toFile: path, atomically: true, encoding: .utf8)
        let keys = try APIKeyFile(path: path)
        let peer = SocketAddress(host: "192.0.2.1", port: 5)
        let head = RequestHead(method: .get, path: "/metrics")
        #expect(throws: HTTPProblem.self) { try AccessControl(keys: keys, limiter: nil).gate(head, peer) }
        let open = AccessControl(keys: keys, limiter: nil, showsMetricsToAll: true)
        guard case .admitted = try open.gate(head, peer).verdict else { return #expect(Bool(false), "refused") }
        #expect(throws: HTTPProblem.self) { try open.gate(RequestHead(method: .get, path: "/jobs"), peer) }
    }

    @Test("public metrics pass all of the gate but the key, and name keys to those alone who see the server")
    func publicMetrics() async throws {
        let guarded = try GuardedService(["alice", "root role=admin"])
        let keys = guarded.keys
        let telemetry = JobTelemetry(keys: ["alice", "root"])
        _ = guarded.service.metrics(of: telemetry)
        telemetry.keyTime.add(.seconds(2), to: "alice")
        let limiter = RateLimiter(RateLimit(perSecond: 1, burst: 3)) { 0 }
        let access = AccessControl(
            keys: keys, limiter: limiter, hosts: try HostRules(["vigil.example"], isOpenOnThisMachine: false),
            showsMetricsToAll: true)
        func ask(_ key: String?, host: String = "vigil.example") async throws -> String {
            let fields = key.map { [(name: HTTPField.Name.authorization, value: "Bearer \($0)")] } ?? []
            let head = RequestHead(
                method: .get, path: "/metrics", fields: HeaderFields([(name: .hostField, value: host)] + fields))
            let admission = try access.admit(head, from: GuardedService.peer)
            guard case .admitted = admission.verdict else { return "refused" }
            let answer = await guarded.service.showMetrics(
                Request(head: head, client: admission.client, seesDetails: admission.seesDetails))
            guard case .bytes(let bytes) = answer.body else { return "" }
            return String(decoding: bytes, as: UTF8.self)
        }
        for key in [nil, "alice", "nobody's"] {
            let text = try await ask(key)
            #expect(!text.contains("alice") && !text.contains("root"))
            #expect(text.contains(#"vigil_cpu_seconds_total{key="other"} 2"#))
            #expect(text.contains(#"vigil_cpu_seconds_total{key="anonymous"} 0"#))
        }
        #expect(try await ask("root").contains(#"vigil_cpu_seconds_total{key="alice"} 2"#))
        #expect(try await ask("root", host: "evil.example") == "refused")
        #expect(try await ask(nil) != "refused", "the third one without a key")
        #expect(try await ask(nil) == "refused")
    }
}
