import HTTP
import HTTPTypes
import Jobs
import Synchronization
import TestSupport
import Testing

@testable import API
@testable import Scoring

@Suite("Many who read large results", .timeLimit(.minutes(10)))
struct LargeResultTests {
    private static let readers = 8
    private static let room = 256 << 20
    let crowd: CrowdService

    init() throws { crowd = try CrowdService() }

    private var answers: AnswerBudget { crowd.service.scoring.answers }

    /// Large results of jobs of their own.
    private func jobs(logits: Bool = false) async throws -> [Job] {
        var jobs: [Job] = []
        for _ in 0..<4 { jobs.append(try await crowd.finished(rows: 70_000, logits: logits)) }
        return jobs
    }

    private func reads(_ jobs: [Job]) -> Int { jobs.reduce(0) { $0 + crowd.store.reads($1.id) } }

    /// Takes the room for answers until one of so many bytes fits, or three of half of that, and two do not.
    private func leaveRoom(_ bytes: Int) throws -> AnswerBudget.Share {
        try #require(answers.take(Self.room - bytes - bytes / 2 - 4_096))
    }

    @Test(
        "in whatever form, no result is read before there is room for it, by its stored size: the others are told to come again",
        arguments: [false, true])
    func requests(logits: Bool) async throws {
        let jobs = try await jobs(logits: logits)
        let stored = try #require(jobs[0].outputBytes)
        // What turns out larger than could be told before is refused after it was read, and held by nobody.
        let needed = ScoreDocument.jsonEstimate(outputBytes: (logits ? 2 : 1) * stored)
        var others: AnswerBudget.Share? = try leaveRoom(needed)
        let refused = Count()
        crowd.store.hold()
        let requests = jobs.flatMap { job in
            ["*/*", "application/x-npy"].flatMap { form in
                (0..<Self.readers).map { _ in
                    Task { [crowd] () -> HTTPResponse.Status? in
                        do { return try await crowd.get(job, accept: form).status } catch {
                            #expect(Problem.of(error)?.slug == "answers-busy")
                            refused.add()
                            return nil
                        }
                    }
                }
            }
        }
        // One form of one job is being read, with logits more of them: those who wait for it are all that are left.
        let fitting = logits ? 3 : 1
        await waitUntil { refused.value == requests.count - fitting * Self.readers }
        #expect(reads(jobs) == fitting)
        #expect(answers.heldBytes <= Self.room)
        crowd.store.letGo()
        var answered = 0
        for request in requests where await request.value == .ok { answered += 1 }
        #expect(logits ? answered >= Self.readers : answered == Self.readers)
        #expect(answers.heldBytes <= Self.room)
        others = nil
        // A task lets go of its answer a moment after it is awaited.
        await waitUntil { answers.heldBytes == 0 }
        for job in jobs { #expect(try await crowd.get(job).status == .ok) }
        withExtendedLifetime(others) {}
    }

    @Test("streams wait for their turn, alive, and in the end all are told what they lack")
    func streams() async throws {
        let jobs = try await jobs()
        let others = try leaveRoom(try #require(jobs[0].outputBytes))
        crowd.store.hold()
        let ended = Count()
        let streams = jobs.flatMap { job in (0..<Self.readers).map { _ in (job, EventSink()) } }
        let tasks = streams.map { job, sink in
            Task { [crowd] in
                // All but the last chunk was told before.
                try await crowd.running.stream(job, after: "\(job.parts - 1)", into: sink)
                ended.add()
            }
        }
        await waitUntil { streams.count { $0.1.text.contains(": keep-alive") } == streams.count - Self.readers }
        #expect(reads(jobs) == 1)
        #expect(answers.heldBytes <= Self.room)
        crowd.store.letGo()
        while ended.value < streams.count, !Task.isCancelled {
            #expect(answers.heldBytes <= Self.room)
            crowd.clock.advance(by: .milliseconds(500))
            for _ in 0..<100 { await Task.yield() }
        }
        for task in tasks { try await task.value }
        for (_, sink) in streams { #expect(sink.events.map(\.name) == ["status", "scores", "end"]) }
        withExtendedLifetime(others) {}
    }

    private final class Count: Sendable {
        private let number = Mutex(0)
        var value: Int { number.withLock { $0 } }

        func add() { number.withLock { $0 += 1 } }
    }
}
