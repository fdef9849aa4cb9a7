import Engine
import HTTP
import HTTPTypes
import Jobs
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring

/// A service with a small model and a clock that stands still; its workers begin when they are told.
struct EventService {
    static let width = 16
    static let length = 8
    static let labels = ["normal", "fire", "fight"]

    let clock: ManualClock
    let service: VigilService

    /// On a store in memory, or one that goes by the same clock.
    init(store: (any JobStore)? = nil, clock: ManualClock = ManualClock()) throws {
        self.clock = clock
        let configuration = ModelConfiguration(
            width: Self.width, length: Self.length, layers: 1, window: 4, labels: Self.labels)
        service = VigilService(
            ScoringService(
                models: ModelRegistry(serving: try Model.synthetic(configuration, kernels: .available[0])),
                backlog: Backlog(store: store ?? MemoryJobStore(clock: clock), clock: clock), workers: 2),
            openAPI: [])
    }

    /// Queues a video of so many snippets.
    func submit(rows: Int, logits: Bool = false, scale: Float = 0.8) async throws -> Job {
        try await service.scoring.backlog.submit(newJob(rows: rows, logits: logits, scale: scale))
    }

    /// Queues a batch of videos.
    func submitBatch(rows: [Int]) async throws -> BatchID {
        let receipt = try await service.scoring.backlog.submit(
            Submission(batch: rows.map { newJob(rows: $0, logits: false, scale: 0.8) }))
        return try #require(receipt.batch)
    }

    private func newJob(rows: Int, logits: Bool, scale: Float) -> NewJob {
        var random = SeededRandom(seed: UInt64(rows))
        var options = ScoreOptions()
        options.logits = logits
        return .score(
            random.floats(rows * Self.width, scale: scale),
            ScoreSubject(
                snippets: rows, width: Self.width, digest: FeatureDigest("00"), options: options.encoded),
            by: ModelID(name: service.scoring.models.default.name, sha256: nil),
            parts: Chunks(snippets: rows, length: Self.length).count)
    }

    /// The answer to `GET /jobs/ID/events`.
    func answer(
        _ id: String, after lastEventID: String? = nil, accept: String? = nil, query: [QueryItems.Item] = []
    ) async throws -> Response {
        var fields: [(name: HTTPField.Name, value: String)] = []
        if let lastEventID { fields.append((.lastEventID, lastEventID)) }
        if let accept { fields.append((.accept, accept)) }
        return try await service.showEvents(
            Request(
                head: RequestHead(
                    method: .get, path: "/jobs/\(id)/events", query: QueryItems(query), fields: HeaderFields(fields)),
                pathParameters: PathParameters([("id", id)])))
    }

    /// Streams a job's events into a sink until the stream ends.
    func stream(_ job: Job, after lastEventID: String? = nil, into sink: EventSink) async throws {
        let response = try await answer(job.id.description, after: lastEventID)
        guard case .stream(nil, let produce) = response.body else {
            Issue.record("no stream but \(response.status)")
            return
        }
        try await produce(sink.writer)
    }

    /// All events of a job that has ended or will end.
    func events(_ job: Job, after lastEventID: String? = nil) async throws -> [EventSink.Event] {
        let sink = EventSink()
        try await stream(job, after: lastEventID, into: sink)
        return sink.events
    }

    /// Runs a job to its end.
    func finished(rows: Int, logits: Bool = false, scale: Float = 0.8) async throws -> Job {
        let job = try await submit(rows: rows, logits: logits, scale: scale)
        return try #require(try await service.scoring.backlog.waitForEnd(job.id, timeout: .seconds(1)))
    }
}
