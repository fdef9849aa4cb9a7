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
