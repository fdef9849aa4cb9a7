import Foundation
import Jobs
import Testing

@testable import SQLiteStore

@Suite("queue.md 1: a stale worker does not overwrite what another finished")
struct StaleWorkerTests {
    @Test("a claim that was lost changes neither the row nor the result, small or large", arguments: [10, 200_000])
    func staleToken(bytes: Int) async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.insert(.of())
        let stale = try #require(try await store.claim(limit: 1).first)
        _ = try await store.release(stale.token, as: .lost)
        let holder = try #require(try await store.claim(limit: 1).first)
        #expect(try await store.complete(stale.token, with: .output(bytes, of: 1)) == nil)
        let ended = try await store.complete(holder.token, with: .output(bytes, of: 2))
        #expect(try await store.complete(stale.token, with: .output(bytes, of: 3)) == nil)
        #expect(try await store.job(stale.id) == ended)
        #expect(try await store.output(stale.id)?.body == [UInt8](repeating: 2, count: bytes))
        #expect(try home.bodies().count == (bytes > 128 << 10 ? 1 : 0))
    }

    @Test("two claims of a job never write their results to the same file")
    func resultNames() async throws {
        let store = try Home().open()
        _ = try await store.insert(.of())
        let first = try #require(try await store.claim(limit: 1).first)
        _ = try await store.release(first.token, as: .unspent)
        let second = try #require(try await store.claim(limit: 1).first)
        #expect(first.attempt == second.attempt)
        #expect(BodyFiles.resultName(first.token) != BodyFiles.resultName(second.token))
    }

    @Test("the token stands in the row, and a row that has ended is not written again")
    func row() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.insert(.of()).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        let token = try home.tamper { try Int64.fetchOne($0, sql: "SELECT token FROM jobs WHERE status = 1") }
        #expect(token == Int64(bitPattern: claimed.token.secret))
        // Somebody else ends the job on the disk alone.
        try home.tamper { db in
            try db.execute(
                sql: "UPDATE jobs SET status = 4, token = NULL, ended = 1, finished_at = 1 WHERE status = 1")
        }
        await #expect(throws: JobStoreError.self) { try await store.complete(claimed.token, with: .done) }
        #expect(try await store.job(id)?.status == .cancelled)
        #expect(try await store.output(id) == nil)
    }
}

@Suite("queue.md 2: a job is owned by who renews its claim, however long it takes")
struct OwnershipTests {
    @Test("a job that runs for weeks is nobody else's, and its end is taken")
    func longJob() async throws {
        let clock = ManualClock()
        let store = try Home().open(clock: clock)
        let id = try await store.insert(.of()).id
        let claimed = try #require(try await store.claim(limit: 1).first)
        let transactions = store.writer.transactions
        for _ in 0..<10_000 {
            clock.advance(by: .seconds(150))
            #expect(try await store.renew([claimed.token]) == [Renewal(.held)])
        }
        #expect(store.writer.transactions == transactions, "nothing is committed for that")
        #expect(try await store.expire() == Expired())
        #expect(try await store.claim(limit: 1).isEmpty)
        #expect(try await store.reportProgress(claimed.token, partsDone: 1) == .held)
        #expect(try await store.complete(claimed.token, with: .done)?.status == .succeeded)
        #expect(try await store.job(id)?.attempt == 1)
    }

    @Test("what has become of a claim that ran out stands on the disk, and outlasts a step that fails")
    func lapsedOnDisk() async throws {
        let clock = ManualClock()
        let home = try Home()
        let store = try home.open(clock: clock)
        for seed in 1...2 { _ = try await store.insert(.of(seed: UInt64(seed))) }
        let claimed = try await store.claim(limit: 2)
        clock.advance(by: .seconds(60))
        #expect(try await store.expire().lapsed.map(\.id) == claimed.map(\.id))
        #expect(try await store.differences() == [])
        // The live jobs are those of the disk after that, and whose claims ran out is still known.
        struct Failure: Error {}
        await #expect(throws: JobStoreError.self) { try await store.writer.commit { _ in throw Failure() } }
        #expect(try await store.differences() == [])
        #expect(try await store.complete(claimed[0].token, with: .done)?.status == .succeeded)
        #expect(try await store.renew([claimed[1].token]).map(\.standing) == [.held])
        #expect(try await store.differences() == [])
        await #expect(throws: JobStoreError.self) { try await store.writer.commit { _ in throw Failure() } }
        clock.advance(by: .seconds(60))
        #expect(try await store.expire().lapsed.map(\.id) == [claimed[1].id])
        let next = try home.copy().open(seed: 9)
        #expect(try await next.job(claimed[1].id)?.attempt == 1)
        #expect(try await next.complete(claimed[1].token, with: .done) == nil, "the next process knows of no holder")
    }

    @Test("what ran when the process ended is queued at the next start, with what else was there")
    func crash() async throws {
        let home = try Home()
        let store = try home.open()
        let ids = [try await store.insert(.of()).id, try await store.insert(.of(seed: 2)).id]
        let claimed = try #require(try await store.claim(limit: 1).first)
        let next = try home.copy().open(seed: 9)
        let jobs = [try await next.job(ids[0]), try await next.job(ids[1])]
        #expect(jobs.map { $0?.status } == [.queued, .queued] && jobs.map { $0?.attempt } == [1, 0])
        #expect(try await next.complete(claimed.token, with: .done) == nil, "the old process's claim is void")
        #expect(try await next.differences() == [])
    }
}

@Suite("queue.md 3: attempts count at the claim")
struct AttemptTests {
    @Test("a job that takes the process with it each time fails after its last attempt, and says why")
    func crashes() async throws {
        var home = try Home()
        var store = try home.open()
        let bad = try await store.insert(.of()).id
        for attempt in 1...3 {
            #expect(try await store.claim(limit: 1).map(\.attempt) == [attempt])
            home = try home.copy()
            store = try home.open(seed: UInt64(attempt) + 9)
        }
        let job = try await store.job(bad)
        #expect(job?.status == .failed && job?.failure?.reason == "out-of-attempts" && job?.attempt == 3)
        #expect(try await store.claim(limit: 1).isEmpty)
        let good = try await store.finish()
        #expect(try await store.job(good)?.status == .succeeded, "the queue goes on")
        #expect(try await store.differences() == [])
    }

    @Test("what takes the process down costs those beside it one attempt, not two: it runs alone then")
    func alone() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...3 { _ = try await store.insert(.of(seed: UInt64(seed))) }
        #expect(try await store.claim(limit: 2).count == 2)
        let next = try home.copy().open(seed: 9)
        let first = try await next.claim(limit: 3)
        #expect(first.map(\.attempt) == [2])
        #expect(try await next.claim(limit: 3).isEmpty)
        _ = try await next.complete(first[0].token, with: .done)
        let second = try await next.claim(limit: 3)
        #expect(second.map(\.attempt) == [2])
        _ = try await next.complete(second[0].token, with: .done)
        #expect(try await next.claim(limit: 3).map(\.attempt) == [1])
    }

    @Test("a job that was merely in hand when the process ended has lost no attempt, and is no suspect")
    func inHand() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...4 { _ = try await store.insert(.of(seed: UInt64(seed))) }
        let claimed = try await store.claim(limit: 4)
        let log = try #require(store.workLog(workers: 2))
        log.begin(claimed[0].id, worker: 0)
        log.end(worker: 0)
        log.begin(claimed[1].id, worker: 0)
        log.begin(claimed[2].id, worker: 1)
        log.end(worker: 1)
        log.begin(claimed[3].id, worker: 9)
        let next = try home.copy().open(seed: 9)
        var attempts: [Int?] = []
        for job in claimed { attempts.append(try await next.job(job.id)?.attempt) }
        #expect(attempts == [0, 1, 0, 0], "a worker that there is not says nothing")
        #expect(try await next.claim(limit: 4).map(\.id) == [claimed[1].id], "the suspect comes first, alone")
        #expect(try await next.differences() == [])
    }

    @Test("what workers note is not believed after the machine has gone down")
    func otherBoot() async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.insert(.of())
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try #require(store.workLog(workers: 1))
        let copy = try home.copy()
        let work = copy.path + "/work"
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: work)))
        bytes[0] = bytes[0] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
        try Data(bytes).write(to: URL(filePath: work))
        let next = try copy.open(seed: 9)
        #expect(try await next.job(claimed.id)?.attempt == 1)
        #expect(!FileManager.default.fileExists(atPath: work), "it is read once")
    }
}
