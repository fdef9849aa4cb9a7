import HTTP
import HTTPTypes
import Jobs
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring

/// A service on a store that is watched, with jobs whose results are made up.
struct CrowdService {
    let clock = ManualClock()
    let store: WatchedStore
    let running: EventService

    init() throws {
        store = WatchedStore(clock: clock)
        running = try EventService(store: store, clock: clock)
    }

    var service: VigilService { running.service }

    /// A job that has succeeded, without a worker.
    func finished(rows: Int, logits: Bool = false) async throws -> Job {
        var random = SeededRandom(seed: 7)
        var options = ScoreOptions()
        options.logits = logits
        let job = try await service.scoring.backlog.submit(
            .score(
                [Float](repeating: 0, count: rows * EventService.width),
                ScoreSubject(
                    snippets: rows, width: EventService.width, digest: FeatureDigest("00"), options: options.encoded),
                by: ModelID(name: "synthetic", sha256: nil),
                parts: Chunks(snippets: rows, length: EventService.length).count))
        let claimed = try #require(try await store.claim(limit: 1).first)
        let labels = EventService.labels
        let result = ScoreResult(
            model: "synthetic", modelSHA256: "aa", trained: true, length: EventService.length, labels: labels,
            logits: Logits(
                snippets: rows, classes: labels.count, coarse: random.floats(rows, scale: 1),
                fine: random.floats(rows * labels.count, scale: 1)),
            featuresSHA256: "bb", kernels: "portable", options: options, queuedMilliseconds: 1, scoredMilliseconds: 2)
        let outcome = JobOutcome.succeeded(JobOutput(body: result.encoded))
        let ended = try await store.complete(claimed.token, with: outcome, timings: nil)
        #expect(ended?.id == job.id)
        return try #require(ended)
    }

    /// The answer to a request for the job, as the HTTP layer would send it.
    func get(_ job: Job, accept: String = "*/*", method: HTTPRequest.Method = .get) async throws -> Response {
        try await service.showJob(
            Request(
                head: RequestHead(
                    method: method, path: "/jobs/\(job.id)", query: QueryItems([]),
                    fields: HeaderFields([(.accept, accept)])),
                pathParameters: PathParameters([("id", "\(job.id)")])))
    }

    /// The bytes of an answer's body.
    static func body(_ response: Response) async throws -> String {
        switch response.body {
        case .none: return ""
        case .bytes(let bytes): return String(decoding: bytes, as: UTF8.self)
        case .stream(_, let produce):
            let sink = EventSink()
            try await produce(sink.writer)
            return sink.text
        }
    }

    /// The problem that a request for the job is refused with.
    func problem(_ job: Job, accept: String = "*/*") async -> HTTPProblem? {
        do {
            _ = try await get(job, accept: accept)
            return nil
        } catch {
            return Problem.of(error)
        }
    }
}
