import HTTP
import Jobs
import Synchronization
import TestSupport
import Testing

@testable import API
@testable import Scoring

@Suite("Many who want one result", .timeLimit(.minutes(10)))
struct SharedResultTests {
    private static let crowd = 200
    let crowd: CrowdService

    init() throws { crowd = try CrowdService() }

    private var store: WatchedStore { crowd.store }

    @Test("streams of a job that has ended read its result once, and all tell the same")
    func oneReadOfStreams() async throws {
        let job = try await crowd.finished(rows: 61)
        store.hold()
        let streams = (0..<Self.crowd).map { _ in Task { [crowd] in try await crowd.running.events(job) } }
        await waitUntil { crowd.service.scoring.backlog.metrics.waiters == Self.crowd && store.reads(job.id) > 0 }
        for _ in 0..<1_000 { await Task.yield() }
        store.letGo()
        let first = try await streams[0].value
        #expect(first.map(\.name) == ["status"] + Array(repeating: "scores", count: 8) + ["end"])
        for stream in streams { #expect(try await stream.value == first) }
        #expect(store.reads(job.id) == 1)
    }

    @Test("streams whose clients have gone read nothing more, and hold nothing")
    func closedStreams() async throws {
        let job = try await crowd.finished(rows: 61)
        store.hold()
        let streams = (0..<Self.crowd).map { _ in Task { [crowd] in try await crowd.running.events(job) } }
        await waitUntil { store.reads(job.id) > 0 }
        for stream in streams { stream.cancel() }
        // They end though the one read has not, nor ever would.
        for stream in streams { await #expect(throws: CancellationError.self) { try await stream.value } }
        #expect(store.reads(job.id) == 1)
        #expect(crowd.service.scoring.backlog.metrics.waiters == 0)
        store.letGo()
        await waitUntil { crowd.service.scoring.answers.heldBytes == 0 }
        #expect(try await crowd.running.events(job).last?.name == "end")
    }

    @Test("streams that were closed before their job ended read nothing of it")
    func closedBefore() async throws {
        let job = try await crowd.running.submit(rows: 61)
        let sinks = (0..<Self.crowd).map { _ in EventSink() }
        let streams = sinks.map { sink in Task { [crowd] in try await crowd.running.stream(job, into: sink) } }
        for sink in sinks { await sink.waitFor("\"queued\"") }
        for (index, sink) in sinks.enumerated() {
            if index.isMultiple(of: 2) { streams[index].cancel() } else { sink.leave() }
        }
        try crowd.service.scoring.start()
        _ = try await crowd.service.scoring.backlog.waitForEnd(job.id, timeout: .seconds(1))
        for stream in streams { await #expect(throws: (any Error).self) { try await stream.value } }
        #expect(store.reads(job.id) == 0)
        _ = await crowd.service.scoring.drain(within: .zero)
    }

    @Test(
        "requests for one result read it once and render it once, within the room of one",
        arguments: ["*/*", "application/x-npy"])
    func oneRendering(accept: String) async throws {
        // More than a small answer.
        let job = try await crowd.finished(rows: 70_000)
        store.hold()
        var answers = (0..<50).map { _ in Task { [crowd] in try await crowd.get(job, accept: accept) } }
        await waitUntil { store.reads(job.id) > 0 }
        for _ in 0..<1_000 { await Task.yield() }
        store.letGo()
        var responses: [Response] = []
        for answer in answers { responses.append(try await answer.value) }
        answers = []
        #expect(store.reads(job.id) == 1)
        #expect(responses.allSatisfy { $0.status == .ok })
        let length = try #require(responses[0].body.size)
        #expect(length > AnswerBudget.small)
        #expect(responses.allSatisfy { $0.body.size == length })
        #expect(crowd.service.scoring.answers.heldBytes < 2 * 12 * 70_000 * (1 + EventService.labels.count))
        let first = try await CrowdService.body(responses[0])
        #expect(try await CrowdService.body(responses[49]) == first && first.utf8.count >= length)
        responses = []
        // A task lets go of its value a moment after it is awaited.
        await waitUntil { crowd.service.scoring.answers.heldBytes == 0 }
        #expect(crowd.service.scoring.answers.heldBytes == 0, "nothing is kept for those to come")
    }

    @Test("requests whose clients have gone are answered by nobody, and one that is there gets all")
    func closedRequests() async throws {
        let job = try await crowd.finished(rows: 61)
        store.hold()
        let dead = (0..<Self.crowd).map { _ in Task { [crowd] in try await crowd.get(job) } }
        await waitUntil { store.reads(job.id) > 0 }
        for request in dead { request.cancel() }
        for request in dead { await #expect(throws: CancellationError.self) { try await request.value } }
        let living = Task { [crowd] in try await CrowdService.body(crowd.get(job)) }
        await waitUntil { store.reads(job.id) > 1 }
        store.letGo()
        #expect(try await living.value.contains(#""status":"succeeded""#))
        #expect(store.reads(job.id) == 2, "one for the dead, which was given up, and one")
    }

    @Test("results of others are not behind one that many wait for")
    func others() async throws {
        let crowded = try await crowd.finished(rows: 61)
        let other = try await crowd.finished(rows: 20)
        store.hold(crowded.id)
        let waiting = (0..<Self.crowd).map { _ in Task { [crowd] in try await crowd.get(crowded) } }
        await waitUntil { store.reads(crowded.id) > 0 }
        #expect(try await CrowdService.body(crowd.get(other)).contains("\"snippets\":20"))
        store.letGo()
        for request in waiting { #expect(try await request.value.status == .ok) }
    }

    @Test("where there is no room nothing is read")
    func noRoom() async throws {
        let job = try await crowd.finished(rows: 70_000)
        let share = crowd.service.scoring.answers.take(256 << 20)
        #expect(await crowd.problem(job)?.slug == "answers-busy")
        #expect(store.reads(job.id) == 0)
        withExtendedLifetime(share) {}
    }

    @Test("a reader that comes later reads anew, and a reader with another form shares nothing wrong")
    func later() async throws {
        let job = try await crowd.finished(rows: 61)
        let json = try await CrowdService.body(crowd.get(job))
        let array = try await crowd.get(job, accept: "application/x-npy")
        #expect(array.fields[.contentType] == "application/x-npy")
        #expect(try await CrowdService.body(array) != json)
        #expect(try await CrowdService.body(crowd.get(job, method: .head)) == json)
        #expect(try await CrowdService.body(crowd.get(job)) == json)
        #expect(store.reads(job.id) == 4)
    }
}

extension ResponseBody {
    /// Its length in bytes.
    fileprivate var size: Int? {
        switch self {
        case .none: 0
        case .bytes(let bytes): bytes.count
        case .stream(let length, _): length
        }
    }
}
