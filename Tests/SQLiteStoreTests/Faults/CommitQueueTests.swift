import Dispatch
import Jobs
import Synchronization
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("The one writer under many tasks")
struct CommitQueueTests {
    private struct Injected: Error {}

    /// Whether a digest was computed.
    private final class Computing: Sendable {
        private let state = Atomic(false)

        var isDone: Bool { state.load(ordering: .acquiring) }

        func done() { state.store(true, ordering: .releasing) }
    }

    /// How each job ended, as callers were told.
    private final class Ends: Sendable {
        private let known = Mutex<[JobID: JobStatus]>([:])

        var all: [JobID: JobStatus] { known.withLock { $0 } }

        func note(_ job: Job) {
            let before = known.withLock { $0.updateValue(job.status, forKey: job.id) }
            #expect(before == nil, "a job ends once")
        }
    }

    @Test("nobody is told of an end before it is committed")
    func endsThatAreUnderway() async throws {
        let store = try Home().open()
        let id = try await store.insert(.of()).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        let (steps, step) = AsyncStream.makeStream(of: Void.self)
        let goesOn = DispatchSemaphore(value: 0)
        let failing = Task { [writer = store.writer] in
            try await writer.commit { context in
                context.live.withLock { live in
                    _ = live.table.complete(
                        claimed.token, with: .done, timings: nil, wall: .init(milliseconds: 1),
                        now: .init(nanoseconds: 1))
                }
                step.yield()
                goesOn.wait()
                throw Injected()
            }
        }
        for await _ in steps { break }
        let seen = try await store.job(id)
        let listed = try await store.list(status: nil, limit: 9, before: nil)
        goesOn.signal()
        await #expect(throws: JobStoreError.self) { try await failing.value }
        #expect(seen?.status == .running && listed.map(\.status) == [.running])
        #expect(try await store.differences() == [])
    }

    @Test("what a job says of itself is there before the writer takes the job", arguments: [16, 64 << 10])
    func digest(floats: Int) async throws {
        let store = try Home().open()
        let gate = await WriterGate(store.writer)
        let computing = Computing()
        var job = NewJob.of(floats: floats)
        job.subject = JobSubject(of: 1) {
            computing.done()
            return [0, 255]
        }
        let new = job
        async let submitted = store.insert(new)
        await store.writer.awaitWaiting(1)
        #expect(computing.isDone)
        try await gate.open()
        #expect(try await submitted.subject.bytes == [0, 255])
    }

    @Test("a step that fails fails alone, the others that shared its transaction are committed")
    func alone() async throws {
        let store = try Home().open()
        let gate = await WriterGate(store.writer)
        async let first = store.insert(.of())
        await store.writer.awaitWaiting(1)
        let failing = Task {
            try await store.writer.commit { context in
                try context.db.execute(sql: "DELETE FROM jobs")
                context.live.withLock { live in
                    for id in live.table.records.keys {
                        _ = live.table.cancel(id, wall: .init(milliseconds: 1), now: .init(nanoseconds: 1))
                    }
                }
                throw Injected()
            }
        }
        await store.writer.awaitWaiting(2)
        async let second = store.insert(.of(seed: 2))
        await store.writer.awaitWaiting(3)
        try await gate.open()
        let ids = [try await first.id, try await second.id]
        await #expect(throws: JobStoreError.self) { try await failing.value }
        #expect(try await store.claim(limit: 9).map(\.id) == ids)
        #expect(try await store.differences() == [])
    }

    @Test("progress that was told is not taken back by another's failure")
    func progress() async throws {
        let store = try Home().open()
        var new = NewJob.of()
        new.parts = 5
        _ = try await store.insert(new)
        let claimed = try #require(try await store.claim(limit: 1).first)
        #expect(try await store.reportProgress(claimed.token, partsDone: 3) == .held)
        let before = try await store.job(claimed.id)
        await #expect(throws: JobStoreError.self) { try await store.writer.commit { _ in throw Injected() } }
        #expect(try await store.job(claimed.id) == before && before?.partsDone == 3)
        #expect(try await store.complete(claimed.token, with: .done)?.status == .succeeded)
    }

    @Test("what was too late in a transaction that failed is told once, after the one that was committed")
    func overdue() async throws {
        let clock = ManualClock()
        let store = try Home().open(clock: clock)
        var new = NewJob.of()
        new.deadline = .seconds(1)
        let id = try await store.insert(new).id
        clock.advance(by: .seconds(1))
        let (wall, now) = (clock.wall, clock.now)
        for _ in 0..<3 {
            await #expect(throws: JobStoreError.self) {
                try await store.writer.commit { context in
                    try context.endOverdue(wall: wall, now: now, uploadTTL: .zero)
                    throw Injected()
                }
            }
        }
        #expect(try await store.expire().overdue.map(\.id) == [id])
        #expect(try await store.expire().overdue.isEmpty)
    }

    @Test("an end that is being committed never shows a job as it was before it ran")
    func noStepBack() async throws {
        let store = try Home().open()
        var new = NewJob.of()
        new.parts = 5
        _ = try await store.insert(new)
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.reportProgress(claimed.token, partsDone: 3)
        let before = try #require(try await store.job(claimed.id))
        let gate = await WriterGate(store.writer)
        let ending = Task { try await store.complete(claimed.token, with: .done) }
        await store.writer.awaitWaiting(1)
        let looking = Task {
            var seen: [Job] = []
            while seen.last?.status.isEnded != true {
                if let job = try await store.job(claimed.id) { seen.append(job) }
            }
            return seen
        }
        try await gate.open()
        let ended = try await ending.value
        let seen = try await looking.value
        #expect(seen.last == ended)
        #expect(seen.allSatisfy { $0 == before || $0 == ended })
    }

    @Test(
        "hundreds of steps of all kinds, some of which fail, leave memory and disk the same",
        arguments: [1, 2, 3] as [UInt64])
    func stress(seed: UInt64) async throws {
        let home = try Home()
        let store = try home.open { $0.cacheBytes = 10_000 }
        let ends = Ends()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<12 {
                group.addTask {
                    var random = SeededRandom(seed: seed << 8 | UInt64(task))
                    for turn in 0..<30 {
                        try await Self.step(store, Int.random(in: 0..<9, using: &random), UInt64(turn), ends)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.differences() == [])
        let next = try home.copy().open(seed: 99)
        for (id, status) in ends.all {
            #expect(try await store.job(id)?.status == status)
            #expect(try await next.job(id)?.status == status, "what was said is on the disk")
        }
        #expect(try await next.differences() == [])
    }

    /// Does one thing, and says which job it ended.
    private static func step(_ store: SQLiteJobStore, _ kind: Int, _ seed: UInt64, _ ends: Ends) async throws {
        switch kind {
        case 0..<3: _ = try await store.insert(.of(floats: kind == 0 ? 40_000 : 20, seed: seed))
        case 3..<6:
            for claimed in try await store.claim(limit: 2) {
                if kind == 5 {
                    if let job = try await store.release(claimed.token, as: .lost), job.status.isEnded {
                        ends.note(job)
                    }
                } else if let job = try await store.complete(claimed.token, with: .output(kind == 3 ? 140_000 : 20)) {
                    ends.note(job)
                }
            }
        case 6:
            guard let job = try await store.list(status: .queued, limit: 1, before: nil).first else { return }
            if case .cancelled(let job) = try await store.cancel(job.id) { ends.note(job) }
        case 7:
            await #expect(throws: JobStoreError.self) {
                try await store.writer.commit { context in
                    try context.db.execute(sql: "UPDATE jobs SET client = 'nobody'")
                    throw Injected()
                }
            }
        default:
            let key = IdempotencyKey(client: "a", text: "\(seed % 3)", fingerprint: "1")
            _ = try await store.submit(Submission(batch: [.of(seed: seed), .of(seed: seed + 1)], key: key))
        }
    }
}
