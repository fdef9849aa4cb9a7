import Foundation
import GRDB
import Jobs
import Platform
import Synchronization
import Testing

@testable import SQLiteStore

@Suite("queue.md 10: a full disk")
struct FullDiskTests {
    /// A disk of which a test says how much is free.
    private final class Disk: Sendable {
        let room: Mutex<DiskRoom>
        let home: Home

        init(free: Int, total: Int) throws {
            room = Mutex(.init(free: free, total: total))
            home = try Home()
        }

        func space() -> DiskSpace {
            DiskSpace(folder: home.path, ballast: ballast) { [self] in room.withLock { $0 } }
        }

        var ballast: String { home.path + "/ballast" }
        var hasBallast: Bool { FileManager.default.fileExists(atPath: ballast) }
    }

    private static let mega = 1 << 20

    @Test(
        "keeps a twentieth of the disk free, at least 1 MiB and at most 64",
        arguments: [(8, 1), (100, 5), (1_000, 50), (10_000, 64), (0, 1)])
    func floor(total: Int, floor: Int) throws {
        let space = try Disk(free: total * Self.mega, total: total * Self.mega).space()
        #expect(space.floor / Self.mega == floor)
    }

    @Test("lets in without asking the disk only as much as was free a moment ago, beside twice the floor")
    func atOnce() throws {
        let disk = try Disk(free: 50 * Self.mega, total: 100 * Self.mega)
        let space = disk.space()
        #expect(!space.enterAtOnce(needed: 1, promised: 0), "nobody has asked yet")
        try space.check(needed: 1, promised: 0)
        disk.room.withLock { $0.free = 0 }
        let room = 50 * Self.mega - 2 * space.floor
        // A machine that is busy for five milliseconds has forgotten what the disk had.
        var entered = false
        for _ in 0..<1_000 where !entered {
            disk.room.withLock { $0.free = 50 * Self.mega }
            try space.check(needed: 1, promised: 0)
            disk.room.withLock { $0.free = 0 }
            #expect(!space.enterAtOnce(needed: room + 1, promised: 0))
            #expect(!space.enterAtOnce(needed: room, promised: 1))
            #expect(!space.enterAtOnce(needed: .max, promised: .max))
            entered = space.enterAtOnce(needed: room, promised: 0)
        }
        #expect(entered)
        #expect(!space.enterAtOnce(needed: 1, promised: 0), "it is on its way")
        space.leave(room)
        #expect(!space.enterAtOnce(needed: 1, promised: 0), "it is on the disk, as far as is known")
    }

    @Test("takes what fits beside the floor and what was promised, to the byte")
    func arithmetic() throws {
        let disk = try Disk(free: 20 * Self.mega, total: 100 * Self.mega)
        let space = disk.space()
        let room = 20 * Self.mega - space.floor
        #expect(throws: Never.self) { try space.check(needed: room, promised: 0) }
        #expect(throws: StoreFault.self) { try space.check(needed: room + 1, promised: 0) }
        #expect(throws: Never.self) { try space.check(needed: room - 1_000, promised: 1_000) }
        #expect(throws: StoreFault.self) { try space.check(needed: room - 999, promised: 1_000) }
        #expect(throws: StoreFault.self) { try space.check(needed: .max, promised: 0) }
        #expect(throws: StoreFault.self) { try space.check(needed: 1, promised: .max) }
        #expect(throws: StoreFault.self) { try space.check(needed: .max, promised: .max, underway: .max) }
    }

    @Test("what is let in counts until it is written, so that many at once don't overrun the disk")
    func underway() throws {
        let space = try Disk(free: 20 * Self.mega, total: 100 * Self.mega).space()
        let half = (20 * Self.mega - space.floor) / 2
        try space.enter(needed: half, promised: 0)
        try space.enter(needed: half, promised: 0)
        #expect(throws: StoreFault.self) { try space.enter(needed: 1, promised: 0) }
        space.leave(half)
        #expect(throws: Never.self) { try space.enter(needed: half, promised: 0) }
        #expect(throws: StoreFault.self) { try space.enter(needed: .max, promised: 0) }
        space.leave(half)
        #expect(throws: Never.self) { try space.enter(needed: half, promised: 0) }
    }

    @Test("ballast is taken on where there is plenty of room, thrown out once, and taken on again")
    func ballast() throws {
        let disk = try Disk(free: 50 * Self.mega, total: 100 * Self.mega)
        let space = disk.space()
        #expect(try Home.bytes(disk.ballast).count == 100 * Self.mega / 40)
        #expect(space.throwOutBallast() && !disk.hasBallast)
        #expect(!space.throwOutBallast())
        disk.room.withLock { $0.free = Self.mega }
        space.takeOnBallast()
        #expect(!disk.hasBallast, "there is no room for it")
        disk.room.withLock { $0.free = 50 * Self.mega }
        space.takeOnBallast()
        #expect(disk.hasBallast && space.throwOutBallast())
    }

    @Test("ballast that an earlier process took on is there to be thrown out, also when the disk is full by now")
    func foundBallast() throws {
        let disk = try Disk(free: 50 * Self.mega, total: 100 * Self.mega)
        _ = disk.space()
        disk.room.withLock { $0.free = 0 }
        let space = disk.space()
        #expect(disk.hasBallast && space.throwOutBallast() && !disk.hasBallast)
    }

    @Test("a start on a full disk has the room of the ballast, which stays where there is room")
    func beginning() throws {
        let disk = try Disk(free: 50 * Self.mega, total: 100 * Self.mega)
        disk.space().makeRoomToBegin()
        #expect(disk.hasBallast)
        disk.room.withLock { $0.free = 4_096 }
        disk.space().makeRoomToBegin()
        #expect(!disk.hasBallast)
    }

    @Test("a database that can't grow refuses what is new, brings what it has to its end, and recovers")
    func databaseFull() async throws {
        let home = try Home()
        let store = try home.open()
        var accepted: [JobID] = []
        for seed in 1...8 { accepted.append(try await store.insert(.of(floats: 2_000, seed: UInt64(seed))).id) }
        try Self.limit(store, extraPages: 0)
        for _ in 0..<3 {
            let error = await #expect(throws: JobStoreError.self) { try await store.insert(.of(floats: 20_000)) }
            #expect(error == .diskFull("the disk is full"))
        }
        #expect(FileManager.default.fileExists(atPath: home.path + "/ballast"), "what is new does not get the ballast")
        let large = try? await store.insert(.large)
        #expect(try home.bodies().count == (large == nil ? 0 : 1), "there is a file where there is a row")
        #expect(try await store.differences() == [])
        for _ in accepted {
            let claimed = try #require(try await store.claim(limit: 1).first)
            #expect(try await store.complete(claimed.token, with: .output(4_000))?.status == .succeeded)
        }
        for id in accepted { #expect(try await store.output(id)?.body.count == 4_000) }
        try Self.limit(store, extraPages: 100_000)
        #expect(try await store.insert(.of(floats: 20_000)).status == .queued)
        try await store.checkWritable()
        #expect(try await store.differences() == [])
    }

    @Test("of those that share a transaction, the one that does not fit fails and the others are kept")
    func oneTooLarge() async throws {
        let store = try Home().open()
        _ = try await store.finish(.of(floats: 20_000))
        try Self.limit(store, extraPages: 2)
        let gate = await WriterGate(store.writer)
        let small = [try await queue(store, .of(), after: 0), try await queue(store, .of(floats: 30_000), after: 1)]
        let last = try await queue(store, .of(seed: 3), after: 2)
        try await gate.open()
        #expect(try await small[0].value.status == .queued)
        await #expect(throws: JobStoreError.self) { try await small[1].value }
        #expect(try await last.value.status == .queued)
        #expect(try await store.claim(limit: 9).map(\.id) == [small[0].value.id, last.value.id])
        #expect(try await store.differences() == [])
    }

    private func queue(_ store: SQLiteJobStore, _ new: NewJob, after waiting: Int) async throws -> Task<Job, any Error>
    {
        let task = Task { try await store.insert(new) }
        await store.writer.awaitWaiting(waiting + 1)
        return task
    }

    /// Lets the database have so many pages more than it has and no others, as if the disk were full then.
    private static func limit(_ store: SQLiteJobStore, extraPages: Int) throws {
        try store.database.withWriter { db in
            let pages = try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0
            try db.execute(sql: "PRAGMA max_page_count = \(pages + extraPages)")
        }
    }
}

@Suite("queue.md 13: finished jobs do not pile up")
struct PilingUpTests {
    private static let queries: [(sql: String, index: String)] = [
        (JobRows.selection + " " + JobRows.live, "jobs_status"),
        (JobRows.selection + " " + JobRows.ofBatch, "jobs_batch"),
        (JobRows.selection + " " + JobRows.reusable, "jobs_reuse"),
        (JobRows.expired, "jobs_ended"),
        (Endings.query, "COVERING"),
        (BodyRows.inputFiles, "payloads_files"), (BodyRows.resultFiles, "results_files"),
        ("SELECT job FROM payloads WHERE expires <= ? LIMIT ?", "payloads_expires"),
        ("SELECT job, url, tries FROM callbacks WHERE due <= ? ORDER BY due, job LIMIT ?", "callbacks_due"),
        ("UPDATE jobs SET status = 1 WHERE id = ? AND status <= 1", "PRIMARY KEY"),
        ("DELETE FROM keys WHERE job = ? AND batch IS NULL", "keys_job"),
        ("UPDATE keys SET jobs = jobs - 1 WHERE batch = ?", "keys_batch"),
    ]

    @Test("each query that is asked often goes by an index", arguments: queries)
    func plans(sql: String, index: String) throws {
        let plan = try Self.plan(sql, in: Home().open())
        #expect(plan.contains(index), "\(sql): \(plan)")
        #expect(!plan.contains("SCAN jobs\n") && !plan.contains("TEMP B-TREE FOR ORDER BY"), "\(plan)")
    }

    @Test("a page of the list is found without sorting all jobs, whatever is asked for")
    func listPlans() throws {
        let store = try Home().open()
        let cursor = JobID.first(at: WallTime(milliseconds: 1))
        var filters = [JobFilter()] + JobStatus.allCases.map { JobFilter(status: $0) }
        filters.append(JobFilter())
        filters[filters.count - 1].client = "somebody"
        for filter in filters {
            var own = filter
            own.owner = "somebody"
            filters.append(own)
        }
        for filter in filters {
            for before in [nil, cursor] {
                let query = ListQuery(filter, limit: 20, before: before, shownSince: 0)
                let plan = try Self.plan(JobRows.selection + " " + query.sql, in: store)
                #expect(!plan.contains("TEMP B-TREE"), "\(query.sql): \(plan)")
                if filter.owner != nil {
                    let index = filter.status == nil ? "jobs_owner (owner=?" : "jobs_owner_status (owner=? AND status=?"
                    #expect(plan.contains(index), "others' jobs are not looked at: \(query.sql): \(plan)")
                } else if filter.status != nil {
                    #expect(plan.contains("jobs_status"), "\(query.sql): \(plan)")
                }
            }
        }
    }

    @Test(
        "a model's jobs are found by the model, and a status that few have by the status", arguments: [nil, "somebody"])
    func modelPlan(owner: String?) throws {
        let store = try Home().open()
        for status in [nil] + JobStatus.allCases {
            for before in [nil, JobID.first(at: WallTime(milliseconds: 1))] {
                var filter = JobFilter(status: status)
                (filter.owner, filter.model) = (owner, "one")
                let query = ListQuery(filter, limit: 20, before: before, shownSince: 0)
                let plan = try Self.plan(JobRows.selection + " " + query.sql, in: store)
                #expect(!plan.contains("TEMP B-TREE"), "\(query.sql): \(plan)")
                let isByModel = status == nil || status == .succeeded
                let index =
                    switch owner {
                    case nil: isByModel ? "jobs_model (model=?" : "jobs_status (status=?"
                    case _?:
                        isByModel ? "jobs_owner_model (owner=? AND model=?" : "jobs_owner_status (owner=? AND status=?"
                    }
                #expect(plan.contains(index), "\(query.sql): \(plan)")
            }
        }
    }

    @Test(
        "a batch is found by the batch, and not among all jobs of its owner or of a status",
        arguments: [nil, "somebody"], [nil, .succeeded, .queued] as [JobStatus?])
    func batchPlan(owner: String?, status: JobStatus?) throws {
        var filter = JobFilter()
        (filter.owner, filter.status) = (owner, status)
        filter.batch = BatchID(JobID.first(at: WallTime(milliseconds: 1)))
        let query = ListQuery(filter, limit: 20, before: nil, shownSince: 0)
        let plan = try Self.plan(JobRows.selection + " " + query.sql, in: Home().open())
        #expect(plan.contains("jobs_batch (batch=?"), "\(plan)")
    }

    @Test("what has ended is counted by an index alone when a store is opened")
    func tallyPlan() throws {
        let plan = try Self.plan(StoreTally.query, in: Home().open())
        #expect(plan.contains("COVERING INDEX jobs_status (status=?)"), "\(plan)")
    }

    private static func plan(_ sql: String, in store: SQLiteJobStore) throws -> String {
        try store.database.readNow { db in
            let marks = sql.count { $0 == "?" }
            return try Row.fetchAll(
                db, sql: "EXPLAIN QUERY PLAN " + sql,
                arguments: StatementArguments([DatabaseValue](repeating: 1.databaseValue, count: marks))
            ).map { $0["detail"] as String }.joined(separator: "\n") + "\n"
        }
    }

    @Test("jobs expire in small transactions, and the file becomes small again")
    func shrinks() async throws {
        let clock = ManualClock()
        let home = try Home()
        let store = try home.open(clock: clock) { $0.resultTTL = .seconds(60) }
        for _ in 0..<10 {
            let jobs = (0..<50).map { NewJob.of(seed: UInt64($0)) }
            _ = try await store.submit(Submission(batch: jobs))
            for claimed in try await store.claim(limit: 50) {
                _ = try await store.complete(claimed.token, with: .output(20_000))
            }
        }
        store.database.checkpointAll()
        let full = store.database.bytes
        clock.advance(by: .seconds(60))
        let before = store.writer.transactions
        #expect(try await store.expire().removed == 500)
        #expect(store.writer.transactions - before >= 3 + 2, "200 jobs a transaction, 512 pages a transaction")
        store.database.checkpointAll()
        #expect(full > 10_000_000 && store.database.bytes < full / 2)
        #expect(try await store.counts().total == 0)
        #expect(try await store.differences() == [])
    }

    @Test("inputs that are kept for a while go when it is over, however many", arguments: [16, 40_000])
    func uploads(floats: Int) async throws {
        let clock = ManualClock()
        let home = try Home()
        let store = try home.open(clock: clock) { $0.uploadTTL = .seconds(60) }
        let count = floats == 16 ? 450 : 3
        _ = try await store.submit(Submission(batch: (0..<count).map { .of(floats: floats, seed: UInt64($0)) }))
        for claimed in try await store.claim(limit: count) { _ = try await store.complete(claimed.token, with: .done) }
        func kept() throws -> Int? { try home.tamper { try Int.fetchOne($0, sql: "SELECT count(*) FROM payloads") } }
        _ = try await store.expire()
        #expect(try kept() == count)
        clock.advance(by: .seconds(60))
        _ = try await store.expire()
        #expect(try kept() == 0)
        #expect(try home.bodies().isEmpty)
        #expect(try await store.counts().succeeded == count)
    }
}
