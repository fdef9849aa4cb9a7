import Foundation
import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A row that can't be read is told, and is in nobody's way")
struct UnreadableRowTests {
    /// Puts text that is none into a job's row.
    private static func spoil(_ id: JobID, in home: Home) throws {
        try home.tamper { db in
            try db.execute(sql: "UPDATE jobs SET kind = x'ff' WHERE id = ?", arguments: [id.blob])
        }
    }

    @Test("it is told by its job, the service is not ready, and the others are listed")
    func listed() async throws {
        let home = try Home()
        let notes = Notes()
        let store = try home.open(logger: notes.logger())
        var ids: [JobID] = []
        for seed in 1...3 { ids.append(try await store.finish(.of(seed: UInt64(seed)))) }
        try Self.spoil(ids[1], in: home)
        #expect(try await store.list(JobFilter(), limit: 10, before: nil).map(\.id) == [ids[2], ids[0]])
        for _ in 0..<2 {
            let error = await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
            #expect(error?.description.contains("\(ids[1])") == true)
        }
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 7)) }
        _ = try await store.list(JobFilter(), limit: 10, before: nil)
        #expect(notes.all.filter { $0.contains("\(ids[1])") }.count == 1, "\(notes.all)")
    }

    @Test("whose it is can be told, where that can be read")
    func owner() async throws {
        let home = try Home()
        let store = try home.open()
        var new = NewJob.of()
        new.owner = "alice"
        let ids = [try await store.finish(new), try await store.finish(new), try await store.finish()]
        for id in ids { try Self.spoil(id, in: home) }
        try home.tamper { try $0.execute(sql: "UPDATE jobs SET owner = x'ff' WHERE id = ?", arguments: [ids[1].blob]) }
        for (id, owner) in zip(ids, ["alice", nil, nil]) {
            await #expect(throws: JobStoreError.self) { try await store.job(id) }
            #expect(try await store.ownerOfDamaged(id) == owner)
        }
    }

    @Test("it keeps no store from being opened, and is counted until it is removed")
    func counted() async throws {
        let home = try Home()
        var ids: [JobID] = []
        do {
            let store = try home.open()
            for seed in 1...2 { ids.append(try await store.finish(.of(seed: UInt64(seed)))) }
            store.close()
        }
        try home.tamper { db in
            try db.execute(sql: "UPDATE jobs SET output_bytes = x'ff' WHERE id = ?", arguments: [ids[0].blob])
        }
        let store = try home.open(seed: 2)
        #expect(try await store.census()?.jobs[.succeeded] == 2)
        await #expect(throws: JobStoreError.self) { try await store.job(ids[0]) }
        #expect(try await store.forget(ids[0]))
        #expect(try await store.census()?.jobs[.succeeded] == 1)
    }

    @Test("it is told at the end of the store too, which then leaves the folder as it is")
    func end() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.finish()
        try Self.spoil(id, in: home)
        await #expect(throws: JobStoreError.self) { try await store.job(id) }
        #expect(store.close()?.contains("\(id)") == true)
    }

    @Test("it can be removed by who knows its name, though nothing can be said of it")
    func removed() async throws {
        let home = try Home()
        let store = try home.open()
        let ids = [try await store.finish(.of(seed: 1)), try await store.finish(.of(seed: 2))]
        try Self.spoil(ids[0], in: home)
        await #expect(throws: JobStoreError.self) { try await store.job(ids[0]) }
        await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
        #expect(try await store.forget(ids[0]))
        try await store.checkWritable()
        #expect(try await store.insert(.of(seed: 3)).status == .queued)
        #expect(try await store.job(ids[0]) == nil)
        #expect(try await store.forget(ids[0]) == false)
        #expect(try await store.job(ids[1])?.status == .succeeded)
    }

    @Test("of a batch it is removed with the batch, and so is a batch of which nothing can be read", arguments: [1, 3])
    func batch(spoilt: Int) async throws {
        let home = try Home()
        let store = try home.open()
        let receipt = try await store.submit(Submission(batch: (1...3).map { NewJob.of(seed: UInt64($0)) }))
        let batch = try #require(receipt.batch)
        let other = try await store.finish(.of(seed: 4))
        for claimed in try await store.claim(limit: 3) { _ = try await store.complete(claimed.token, with: .output(8)) }
        let ids = receipt.jobs.map(\.id)
        for id in ids[..<spoilt] { try Self.spoil(id, in: home) }
        for id in ids[spoilt...] { #expect(try await store.forget(id)) }
        #expect(try await store.batch(batch) == nil)
        #expect(try await store.forgetUnreadable(of: batch) == spoilt)
        #expect(try await store.forgetUnreadable(of: batch) == 0)
        let left = try home.tamper { db in
            try ["jobs", "payloads", "results"].map { try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") }
        }
        #expect(left == [1, 0, 1])
        #expect(try await store.job(other)?.status == .succeeded)
    }

    @Test("what can be read of a batch is not taken for it")
    func readable() async throws {
        let store = try Home().open()
        let receipt = try await store.submit(Submission(batch: (1...2).map { NewJob.of(seed: UInt64($0)) }))
        let batch = try #require(receipt.batch)
        _ = try await store.claim(limit: 1)
        #expect(try await store.forgetUnreadable(of: batch) == 0)
        #expect(try await store.batch(batch)?.jobs.count == 2)
    }

    @Test("a row that a job needs and that is gone is told by the job, to the check and to a recovery")
    func missing() async throws {
        let home = try Home()
        var ids: [JobID] = []
        do {
            let store = try home.open { $0.uploadTTL = .seconds(100) }
            for seed in 1...3 { ids.append(try await store.finish(.of(seed: UInt64(seed)))) }
            for seed in 4...5 { ids.append(try await store.insert(.of(seed: UInt64(seed))).id) }
            // What has no result rightly.
            for outcome in [JobOutcome.failed(JobFailure(reason: "x", detail: "y")), .cancelled] {
                for claimed in try await store.claim(limit: 1) {
                    _ = try await store.complete(claimed.token, with: outcome)
                }
            }
            ids.append(try await store.insert(.of(seed: 6)).id)
            store.close()
        }
        #expect(try FolderReport(of: home.path).isWhole)
        try home.tamper { db in
            try db.execute(sql: "DELETE FROM results WHERE job = ?", arguments: [ids[1].blob])
            try db.execute(sql: "DELETE FROM payloads WHERE job IN (?, ?)", arguments: [ids[2].blob, ids[5].blob])
        }
        let report = try FolderReport(of: home.path)
        #expect(Set(report.damages.map(\.job)) == ["\(ids[1])", "\(ids[5])"], "\(report.damages)")
        let target = try Home()
        let recovery = try FolderRecovery(of: home.path, into: target.path + "/new")
        #expect(recovery.losses.count == 2, "\(recovery.losses)")
        for id in [ids[1], ids[5]] { #expect(recovery.losses.contains { $0.contains("\(id)") }) }
        let store = try home.open(seed: 2)
        #expect(try await store.output(ids[0], fetching: true) != nil)
        await #expect(throws: JobStoreError.damaged(ids[1], "its result is not there")) {
            _ = try await store.output(ids[1], fetching: true)
        }
    }

    @Test("one that waited is told at the start, and the others run")
    func live() async throws {
        let home = try Home()
        var ids: [JobID] = []
        do {
            let store = try home.open()
            for seed in 1...3 { ids.append(try await store.insert(.of(seed: UInt64(seed))).id) }
            store.close()
        }
        try Self.spoil(ids[1], in: home)
        let notes = Notes()
        let store = try home.open(logger: notes.logger())
        #expect(notes.all.contains { $0.contains("\(ids[1])") }, "\(notes.all)")
        await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
        #expect(try await store.claim(limit: 10).map(\.id) == [ids[0], ids[2]])
    }

    @Test("the check tells of it, and a recovery leaves it out by name")
    func recovered() async throws {
        let home = try Home()
        var ids: [JobID] = []
        do {
            let store = try home.open()
            for seed in 1...3 { ids.append(try await store.finish(.of(seed: UInt64(seed)))) }
            store.close()
        }
        try Self.spoil(ids[1], in: home)
        #expect(try FolderReport(of: home.path).damages.map(\.job) == ["\(ids[1])"])
        let target = try Home()
        let recovery = try FolderRecovery(of: home.path, into: target.path + "/new")
        #expect(recovery.losses.count == 1 && recovery.losses.allSatisfy { $0.contains("\(ids[1])") })
        #expect(recovery.recovered == 2)
        #expect(try FolderReport(of: target.path + "/new").isWhole)
    }

    @Test(
        "expired, it goes with the others, whatever of it can't be read",
        arguments: [
            "UPDATE jobs SET kind = x'ff' WHERE id = ?", "UPDATE jobs SET batch = x'01' WHERE id = ?",
            "UPDATE results SET body = NULL, file = x'ff' WHERE job = ?",
        ])
    func expired(sql: String) async throws {
        let home = try Home()
        let clock = ManualClock()
        let store = try home.open(clock: clock) {
            $0.resultTTL = .seconds(10)
            $0.uploadTTL = .seconds(20)
        }
        var ids: [JobID] = []
        for seed in 1...3 { ids.append(try await store.finish(.of(seed: UInt64(seed)))) }
        try home.tamper { db in try db.execute(sql: sql, arguments: [ids[1].blob]) }
        clock.advance(by: .seconds(11))
        #expect(try await store.expire().removed == 3)
        let left = try home.tamper { db in
            try ["jobs", "payloads", "results"].map { try Int.fetchOne(db, sql: "SELECT count(*) FROM \($0)") }
        }
        #expect(left == [0, 0, 0])
        #expect(try await store.expire().removed == 0)
        try await store.checkWritable()
    }

    @Test(
        "callbacks of others are not behind it",
        arguments: [
            "UPDATE jobs SET kind = x'ff' WHERE id = ?", "UPDATE callbacks SET url = x'ff' WHERE job = ?",
        ])
    func callbacks(sql: String) async throws {
        let home = try Home()
        let store = try home.open()
        var ids: [JobID] = []
        for seed in 1...3 {
            var new = NewJob.of(seed: UInt64(seed))
            new.callback = "https://example.org"
            ids.append(try await store.finish(new))
        }
        try home.tamper { db in try db.execute(sql: sql, arguments: [ids[0].blob]) }
        #expect(try await store.takeCallbacks(limit: 10).map(\.job.id) == [ids[1], ids[2]])
        let left = try home.tamper { try Int.fetchOne($0, sql: "SELECT count(*) FROM callbacks") }
        #expect(left == 2, "it is removed")
        #expect(store.waitingCallbacks == 2)
    }

    @Test("what can't be removed keeps nothing else from being looked after")
    func steps() async throws {
        let home = try Home()
        let clock = ManualClock()
        let store = try home.open(clock: clock) {
            $0.resultTTL = .seconds(100)
            $0.uploadTTL = .seconds(5)
        }
        _ = try await store.finish(.of(seed: 1))
        // Looking for jobs that have expired fails.
        try home.tamper { try $0.execute(sql: "ALTER TABLE callbacks RENAME TO elsewhere") }
        clock.advance(by: .seconds(6))
        await #expect(throws: JobStoreError.self) { try await store.expire() }
        let inputs = try home.tamper { try Int.fetchOne($0, sql: "SELECT count(*) FROM payloads") }
        #expect(inputs == 0)
    }
}
