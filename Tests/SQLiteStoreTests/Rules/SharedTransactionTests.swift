import Foundation
import GRDB
import Jobs
import Synchronization
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A claim in the transaction of another step")
struct SharedTransactionTests {
    private struct Injected: Error {}

    private static func open(_ home: Home) throws -> SQLiteJobStore {
        try home.open { $0.cacheBytes = 1 << 20 }
    }

    @Test("a job for which somebody is idle is claimed as it comes: one transaction, and a row that is written once")
    func submission() async throws {
        let home = try Home()
        let store = try Self.open(home)
        let taker = Taker(room: 1)
        store.offer(to: taker)
        let before = store.writer.transactions
        let new = NewJob.of()
        let job = try await store.insert(new)
        #expect(store.writer.transactions - before == 1)
        #expect(job.status == .queued, "so it came")
        #expect(taker.claimed.map(\.id) == [job.id] && taker.claimed.first?.input == new.input)
        let row = try home.tamper { db in
            try String.fetchOne(db, sql: "SELECT format('%d %d %d %d', status, attempt, revision, token) FROM jobs")
        }
        let secret = Int64(bitPattern: try #require(taker.claimed.first).token.secret)
        #expect(row == "1 1 2 \(secret)")
        #expect(try await store.differences() == [])
        #expect(try await store.claim(limit: 1).isEmpty)
        #expect(try await store.complete(taker.claimed[0].token, with: .done)?.status == .succeeded)
        #expect(taker.isSettled)
    }

    @Test("an end and the next claim are one transaction")
    func end() async throws {
        let store = try Self.open(Home())
        let taker = Taker(room: 1)
        store.offer(to: taker)
        let ids = [try await store.insert(.of()).id, try await store.insert(.of(seed: 2)).id]
        #expect(taker.claimed.map(\.id) == [ids[0]], "there was room for one")
        taker.makeRoom(for: 1)
        let before = store.writer.transactions
        _ = try await store.complete(taker.claimed[0].token, with: .done)
        #expect(store.writer.transactions - before == 1)
        #expect(taker.claimed.map(\.id) == ids && taker.isSettled)
        #expect(try await store.differences() == [])
    }

    @Test("jobs are given in the order of the queue, and none whose input would have to be read")
    func order() async throws {
        let store = try Home().open { $0.cacheBytes = 200 }
        let large = try await store.insert(.of(floats: 100)).id
        let taker = Taker(room: 9)
        store.offer(to: taker)
        let small = try await store.insert(.of()).id
        #expect(taker.claimed.isEmpty, "the first in the queue is none that is at hand")
        #expect(try await store.claim(limit: 1).map(\.id) == [large])
        #expect(taker.claimed.map(\.id) == [small], "in the transaction of that claim")
        taker.makeRoom(for: 0)
        let usual = try await store.insert(.of(seed: 3)).id
        var high = NewJob.of(seed: 4)
        high.priority = .high
        let urgent = try await store.insert(high).id
        taker.makeRoom(for: 2)
        try await store.writer.commit { _ in }
        #expect(taker.claimed.map(\.id) == [small, urgent, usual])
        #expect(try await store.differences() == [])
    }

    @Test("what is in a transaction that fails is given to nobody, and to one alone in the next that does not")
    func failing() async throws {
        let home = try Home()
        let store = try Self.open(home)
        let taker = Taker(room: 9)
        store.offer(to: taker)
        let gate = await WriterGate(store.writer)
        async let first = store.insert(.of())
        await store.writer.awaitWaiting(1)
        let failing = Task { try await store.writer.commit { _ in throw Injected() } }
        await store.writer.awaitWaiting(2)
        async let second = store.insert(.of(seed: 2))
        await store.writer.awaitWaiting(3)
        try await gate.open()
        let ids = [try await first.id, try await second.id]
        await #expect(throws: JobStoreError.self) { try await failing.value }
        #expect(taker.claimed.isEmpty && taker.isSettled)
        #expect(try await store.differences() == [])
        try await store.writer.commit { _ in }
        #expect(taker.claimed.map(\.id) == ids && taker.isSettled)
        // The row can't be written, after the job was claimed for somebody.
        try home.tamper {
            try $0.execute(sql: "CREATE TRIGGER no BEFORE INSERT ON jobs BEGIN SELECT RAISE(ABORT, 'no'); END")
        }
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 3)) }
        #expect(taker.claimed.count == 2 && taker.isSettled)
        try home.tamper { try $0.execute(sql: "DROP TRIGGER no") }
        #expect(try await store.insert(.of(seed: 3)).id == taker.claimed.last?.id)
        #expect(try await store.differences() == [])
    }

    @Test("a job that can't be claimed fails no step of others")
    func unclaimable() async throws {
        let home = try Home()
        let store = try Self.open(home)
        let lost = try await store.insert(.of()).id
        try home.tamper { try $0.execute(sql: "DELETE FROM jobs") }
        let taker = Taker(room: 1)
        store.offer(to: taker)
        let other = try await store.insert(.of(seed: 2)).id
        #expect(taker.claimed.isEmpty && taker.isSettled)
        #expect(try await store.job(other)?.status == .queued)
        #expect(try await store.job(lost) == nil, "memory is what the disk is")
        try await store.writer.commit { _ in }
        #expect(taker.claimed.map(\.id) == [other])
    }

    @Test("a step that looks for the row of a job that came in its transaction finds it")
    func rows() async throws {
        let store = try Self.open(Home())
        let gate = await WriterGate(store.writer)
        async let first = store.insert(.of())
        await store.writer.awaitWaiting(1)
        let counting = Task {
            try await store.writer.commit { try Int.fetchOne($0.db, sql: "SELECT count(*) FROM jobs") }
        }
        await store.writer.awaitWaiting(2)
        async let second = store.insert(.of(seed: 2))
        await store.writer.awaitWaiting(3)
        try await gate.open()
        _ = try await (first, second)
        #expect(try await counting.value == 1)
        let key = IdempotencyKey(client: "a", text: "k", fingerprint: "f")
        let batch = Submission(batch: [.of(seed: 3), .of(seed: 4)], key: key)
        let next = await WriterGate(store.writer)
        async let one = store.submit(batch)
        await store.writer.awaitWaiting(1)
        async let same = store.submit(batch)
        await store.writer.awaitWaiting(2)
        try await next.open()
        let receipts = [try await one, try await same]
        #expect(
            receipts.map(\.origin) == [.new, .replayed] && receipts[0].jobs.map(\.id) == receipts[1].jobs.map(\.id))
        #expect(try await store.differences() == [])
    }

    /// What the disk had at some time.
    private final class Snapshots: Sendable {
        private let copies = Mutex<[Home]>([])
        func take(of home: Home) { if let copy = try? home.copy() { copies.withLock { $0.append(copy) } } }
        var all: [Home] { copies.withLock { $0 } }
    }

    @Test(
        "a process that ends in the midst of a transaction that submits and claims, or behind it, loses nothing of it")
    func killed() async throws {
        let home = try Home()
        let store = try Self.open(home)
        _ = store.workLog(workers: 1)
        let (during, after) = (Snapshots(), Snapshots())
        let taker = Taker(room: 1) {
            during.take(of: home)
        } afterCommit: {
            after.take(of: home)
        }
        store.offer(to: taker)
        let first = try await store.insert(.of()).id
        let second = try await store.insert(.of(seed: 2)).id
        taker.makeRoom(for: 1)
        _ = try await store.complete(taker.claimed[0].token, with: .output(50))
        #expect(taker.claimed.map(\.id) == [first, second])
        // Of the submission and its claim there is nothing before the commit, and then both; so of the end and the claim.
        let expected: [(home: Home, jobs: [JobID: JobStatus])] = zip(
            during.all + after.all,
            [[:], [first: .queued, second: .queued], [first: .queued], [first: .succeeded, second: .queued]]
        ).map { ($0, $1) }
        #expect(expected.count == 4)
        for (number, known) in expected.enumerated() {
            let next = try known.home.open(seed: 9)
            let jobs = try await next.list(JobFilter(), limit: 9, before: nil)
            #expect(Dictionary(uniqueKeysWithValues: jobs.map { ($0.id, $0.status) }) == known.jobs, "copy \(number)")
            #expect(jobs.allSatisfy { $0.status.isEnded || $0.attempt == 0 }, "no worker had begun")
            #expect(try await next.differences() == [])
            if known.jobs[first] == .succeeded {
                #expect(try await next.output(first)?.body.count == 50)
            } else if let token = taker.claimed.first?.token {
                #expect(try await next.complete(token, with: .done) == nil, "the old process's claim is void")
            }
            let claimed = try await next.claim(limit: 9)
            #expect(Set(claimed.map(\.id)) == Set(known.jobs.filter { $0.value == .queued }.keys))
            for job in claimed { #expect(try await next.complete(job.token, with: .done)?.status == .succeeded) }
        }
    }
}

@Suite("Ends that nobody waits for")
struct PatientEndTests {
    /// Two ends that nobody waits for and then a submission, while the writer is held up; says how many transactions they
    /// took, and whether the ends were there when the submission was told.
    private static func run(patience: Duration, ends: Int = 2) async throws -> Int {
        let store = try Home().open { $0.patience = patience }
        for seed in 0..<ends { _ = try await store.insert(.of(seed: UInt64(seed))) }
        let claimed = try await store.claim(limit: ends)
        let before = store.writer.transactions
        let gate = await WriterGate(store.writer)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for job in claimed {
                group.addTask { _ = try await store.complete(job.token, with: .done, timings: nil, isAwaited: false) }
            }
            await store.writer.awaitWaiting(ends)
            group.addTask { _ = try await store.insert(.of(seed: 99)) }
            await store.writer.awaitWaiting(ends + 1)
            try await gate.open()
            try await group.waitForAll()
        }
        let made = store.writer.transactions - before - 1
        #expect(try await store.counts().succeeded == ends)
        #expect(try await store.differences() == [])
        return made
    }

    @Test("let a submission go first, and wait for nothing once no other step is there")
    func letOthersGoFirst() async throws {
        #expect(try await Self.run(patience: .seconds(3_600)) == 2)
    }

    @Test("share its transaction once their time is up, or where they are many")
    func share() async throws {
        #expect(try await Self.run(patience: .zero) == 1)
        #expect(try await Self.run(patience: .seconds(3_600), ends: CommitQueue.mostPatient) == 1)
    }

    @Test("are committed at once where the writer has nothing to do")
    func alone() async throws {
        let store = try Home().open { $0.patience = .seconds(3_600) }
        _ = try await store.insert(.of())
        let claimed = try #require(try await store.claim(limit: 1).first)
        let job = try await store.complete(claimed.token, with: .done, timings: nil, isAwaited: false)
        #expect(job?.status == .succeeded)
    }
}
