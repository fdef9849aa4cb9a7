import Alerts
import Engine
import Jobs
import Logging
import Platform
import Synchronization
import TestSupport
import Testing
import VadCLIP

@testable import API
@testable import Scoring

@Suite("Alerts", .timeLimit(.minutes(10)))
struct AlertDeliveryTests {
    let clock: ManualClock
    let scoring: ScoringService

    init() throws {
        clock = ManualClock()
        let running = try EventService(clock: clock)
        scoring = running.service.scoring
    }

    /// Queues a video all of which is one segment.
    private func submit(rows: Int, to places: [String]) async throws -> JobID {
        var random = SeededRandom(seed: 3)
        var options = ScoreOptions()
        (options.camera, options.fps) = ("front", 32)
        options.segments = SegmentOptions(threshold: 0)
        var new = NewJob.score(
            random.floats(rows * EventService.width, scale: 0.8),
            ScoreSubject(
                snippets: rows, width: EventService.width, digest: FeatureDigest("00"), options: options.encoded),
            by: ModelID(name: scoring.models.default.name, sha256: nil),
            parts: Chunks(snippets: rows, length: EventService.length).count)
        new.alerts = places
        return try await scoring.backlog.submit(new).id
    }

    private func told(_ job: JobID, _ phase: Alert.Phase, end: Int?) -> String {
        let last = end.map { String($0) } ?? "-"
        return "\(phase.rawValue) \(job)-0 \(last)"
    }

    @Test("each place is told of a job that has ended, and then the job waits for nobody")
    func pairs() async throws {
        let places = [RecordingPlace("mqtt"), RecordingPlace("webhook")]
        let delivery = AlertDelivery(to: places, logger: Logger(label: "test"))
        let job = try await submit(rows: 20, to: delivery.names)
        try scoring.start()
        let running = Task { await delivery.run(scoring) }
        for place in places {
            #expect(await place.told(2) == [told(job, .begin, end: nil), told(job, .end, end: 20)])
        }
        #expect(await settled())
        running.cancel()
        scoring.backlog.ringForAlerts()
        await running.value
    }

    /// Whether nothing waits, once that is so.
    private func settled() async -> Bool {
        while scoring.backlog.waitingAlerts != 0 { await Task.yield() }
        return true
    }

    @Test("a place that fails is left alone for a while and told again, and holds up no other")
    func again() async throws {
        let shaky = RecordingPlace("mqtt", failures: 2)
        let good = RecordingPlace("webhook")
        let delivery = AlertDelivery(to: [shaky, good], logger: Logger(label: "test"))
        let job = try await submit(rows: 20, to: delivery.names)
        try scoring.start()
        let running = Task { await delivery.run(scoring) }
        #expect(await good.told(2).count == 2)
        while shaky.tries < 3 {
            clock.advance(by: .seconds(1))
            scoring.backlog.ringForAlerts()
            await Task.yield()
        }
        #expect(await shaky.told(2) == [told(job, .begin, end: nil), told(job, .end, end: 20)])
        #expect(await settled())
        running.cancel()
        scoring.backlog.ringForAlerts()
        await running.value
    }

    @Test("what had begun is ended where the job never comes to its end, with what the place had answered")
    func cancelled() async throws {
        let place = RecordingPlace("frigate")
        let delivery = AlertDelivery(to: [place], logger: Logger(label: "test"))
        let id = try await submit(rows: 20, to: delivery.names)
        let job = try #require(try await scoring.backlog.job(id))
        var mark = AlertMark()
        mark.position = 0
        mark.token = "1.5-abc"
        mark.open = Alert(
            .begin, job: id.description, camera: "front", model: job.model, start: 0, label: "fire", score: 0.5)
        try await scoring.backlog.setAlertMark(mark.coded, of: id, for: "frigate")
        _ = try await scoring.backlog.cancel(id)
        let running = Task { await delivery.run(scoring) }
        #expect(await place.told(1) == ["\(told(id, .end, end: nil)) cancelled 1.5-abc"])
        #expect(await settled())
        running.cancel()
        scoring.backlog.ringForAlerts()
        await running.value
    }

    @Test("what has begun is ended also where the job is removed before its end was told")
    func removed() async throws {
        let place = RecordingPlace("mqtt")
        let delivery = AlertDelivery(to: [place], logger: Logger(label: "test"))
        let id = try await submit(rows: 20, to: delivery.names)
        delivery.hasBegun(
            Alert(.begin, job: id.description, camera: "front", model: "tiny", start: 0, label: "fire", score: 0.5),
            token: "x", of: id, for: 0)
        _ = try await scoring.backlog.cancel(id)
        #expect(try await scoring.backlog.forget(id))
        delivery.forgot(id)
        let running = Task { await delivery.run(scoring) }
        #expect(await place.told(1) == ["\(told(id, .end, end: nil)) deleted x"])
        running.cancel()
        scoring.backlog.ringForAlerts()
        await running.value
    }

    @Test("what was told is not told again; what is left is")
    func rest() async throws {
        let place = RecordingPlace("mqtt")
        let delivery = AlertDelivery(to: [place], logger: Logger(label: "test"))
        let id = try await submit(rows: 20, to: delivery.names)
        var mark = AlertMark()
        mark.position = 0
        mark.open = Alert(
            .begin, job: id.description, camera: "front", model: "tiny", start: 0, label: "fire", score: 0.5)
        try await scoring.backlog.setAlertMark(mark.coded, of: id, for: "mqtt")
        try scoring.start()
        let running = Task { await delivery.run(scoring) }
        #expect(await place.told(1) == [told(id, .end, end: 20)])
        #expect(await settled())
        running.cancel()
        scoring.backlog.ringForAlerts()
        await running.value
    }

    @Test("a mark reads back as it was, and what is none is one before the first alert")
    func marks() async throws {
        let id = try await submit(rows: 20, to: [])
        let job = try #require(try await scoring.backlog.job(id))
        var mark = AlertMark()
        #expect(AlertMark(coded: mark.coded, of: job) == mark)
        (mark.position, mark.token) = (6, "x")
        mark.open = Alert(
            .begin, job: id.description, camera: "c\"1", model: job.model, start: 3, label: "fire", score: 0.1)
        mark.open?.startSeconds = 1.5
        #expect(AlertMark(coded: mark.coded, of: job) == mark)
        #expect(AlertMark(coded: nil, of: job) == AlertMark())
        for text in ["", "{", "{\"position\": \"x\"}"] {
            #expect(AlertMark(coded: Array(text.utf8), of: job) == AlertMark())
        }
    }

    @Test("of the segments those are told that the operator wants")
    func filter() {
        var filter = AlertFilter()
        filter.score = 0.5
        filter.labels = ["fire"]
        func contains(_ label: String, _ score: Float) -> Bool { filter.contains(label: label, score: score) }
        #expect(contains("fire", 0.5) && !contains("fire", 0.4) && !contains("fight", 0.9))
        filter.labels = nil
        #expect(contains("fight", 0.9))
    }
}

/// A place that writes down what it is told.
private final class RecordingPlace: AlertPlace {
    private struct State {
        var lines: [String] = []
        var tries = 0
        var failures: Int
        var waiting: (count: Int, continuation: CheckedContinuation<[String], Never>)?
    }

    let name: String
    let isReachable = true
    private let state: Mutex<State>

    init(_ name: String, failures: Int = 0) {
        self.name = name
        state = Mutex(State(failures: failures))
    }

    var tries: Int { state.withLock { $0.tries } }

    /// All that was told, once it is so much.
    func told(_ count: Int) async -> [String] {
        await withCheckedContinuation { continuation in
            let lines = state.withLock { state -> [String]? in
                if state.lines.count >= count { return state.lines }
                state.waiting = (count, continuation)
                return nil
            }
            if let lines { continuation.resume(returning: lines) }
        }
    }

    private static func line(_ alert: Alert, _ token: String?) -> String {
        let end = alert.end.map { String($0) } ?? "-"
        var line = "\(alert.phase.rawValue) \(alert.segment) \(end)"
        if let reason = alert.reason { line += " " + reason }
        if let token { line += " " + token }
        return line
    }

    func tell(_ alerts: [Alert], token: String?) async -> AlertVerdict {
        let (isTaken, waiting) = state.withLock { state -> (Bool, (CheckedContinuation<[String], Never>, [String])?) in
            state.tries += 1
            if state.tries <= state.failures { return (false, nil) }
            for alert in alerts { state.lines.append(Self.line(alert, token)) }
            guard let waiting = state.waiting, state.lines.count >= waiting.count else { return (true, nil) }
            state.waiting = nil
            return (true, (waiting.continuation, state.lines))
        }
        if let (continuation, lines) = waiting { continuation.resume(returning: lines) }
        return isTaken ? .told(token: nil) : .failed(reason: "it was told to")
    }
}
