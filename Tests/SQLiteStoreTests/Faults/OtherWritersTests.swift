import Foundation
import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Somebody else's SQLite beside a store")
struct OtherWritersTests {
    @Test(
        "somebody else who writes to an idle store's database, brought in or not, has done no damage",
        arguments: [false, true])
    func othersWrite(isBroughtIn: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...3 { _ = try await store.insert(.of(seed: UInt64(seed))) }
        await store.writer.bringInLog()
        for number in 1...2 { try home.tamper { try $0.execute(sql: "UPDATE clock SET wall = wall + \(number)") } }
        if isBroughtIn {
            try home.tamper { db in
                _ = try db.checkpoint(.truncate)
                try db.execute(sql: "UPDATE clock SET wall = wall + 1")
            }
        }
        try await store.checkWritable()
        #expect(store.close() == nil)
        let again = try home.copy().open(seed: 2)
        #expect(try await again.list(JobFilter(), limit: 10, before: nil).count == 3)
        #expect(again.close() == nil)
    }

    @Test("a log that somebody else has begun anew and is shorter is not one that was cut")
    func begunAnewByOthers() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...6 { _ = try await store.insert(.of(floats: 4_000, seed: UInt64(seed))) }
        try home.tamper { db in
            _ = try db.checkpoint(.truncate)
            try db.execute(sql: "UPDATE clock SET wall = wall + 1")
        }
        for _ in 0..<2 { try await store.checkWritable() }
        #expect(try await store.insert(.of(seed: 7)).status == .queued)
        #expect(store.close() == nil)
        #expect(try await home.copy().open(seed: 2).list(JobFilter(), limit: 10, before: nil).count == 7)
    }

    @Test("a reader that keeps the log from being brought in is told once, and so is its end")
    func stalledReader() async throws {
        let home = try Home()
        let notes = Notes()
        let clock = ManualClock()
        let store = try home.open(clock: clock, logger: notes.logger())
        func told() -> [String] { notes.all.filter { $0.contains("database's log") } }
        func goOn(_ count: Int) async throws {
            for _ in 0..<count {
                _ = try await store.insert(.of(floats: 4_000))
                clock.advance(by: .seconds(10))
                _ = try await store.expire()
            }
        }
        _ = try await store.insert(.of())
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let reader = try DatabaseQueue(path: home.database, configuration: configuration)
        try await reader.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN")
            _ = try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs")
        }
        try await goOn(4)
        #expect(told() == [], "not so soon")
        try await goOn(8)
        #expect(told().count == 1 && told()[0].hasPrefix("warning") && told()[0].contains("backup"))
        try await reader.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try await goOn(3)
        #expect(told().count == 2 && told()[1].hasPrefix("notice"))
        #expect(store.close() == nil)
    }

    /// A store with jobs of which nothing is in the database yet, as far as Vigil knows.
    private static func filled(_ home: Home) async throws -> SQLiteJobStore {
        let store = try home.open()
        for seed in 1...3 { _ = try await store.insert(.of(floats: 4_000, seed: UInt64(seed))) }
        #expect(store.database.hasLog)
        return store
    }

    private static func jobs(_ store: SQLiteJobStore) async throws -> Int {
        try await store.list(JobFilter(), limit: 100, before: nil).count
    }

    @Test(
        "a log that somebody else has brought in before a kill has lost nothing, and where it was emptied that is told",
        arguments: [Database.CheckpointMode.passive, .full, .restart, .truncate])
    func broughtInBeforeKill(mode: Database.CheckpointMode) async throws {
        let home = try Home()
        let store = try await Self.filled(home)
        try home.tamper { _ = try $0.checkpoint(mode) }
        let killed = try home.copy()
        let notes = Notes()
        let again = try killed.open(seed: 2, logger: notes.logger())
        #expect(try await Self.jobs(again) == 3)
        let isTold = notes.all.contains { $0.contains("by something else than Vigil") }
        #expect(isTold == (mode == .truncate), "\(notes.all)")
        #expect(again.close() == nil)
        #expect(try await Self.jobs(killed.copy().open(seed: 3)) == 3)
        withExtendedLifetime(store) {}
    }

    @Test("what is emptied without having been brought in is lost, and is told", arguments: [0, 1])
    func emptiedOnly(pages: Int) async throws {
        let home = try Home()
        let store = try await Self.filled(home)
        let killed = try home.copy()
        try Data().write(to: URL(fileURLWithPath: killed.database + "-wal"))
        if pages > 0 {
            // The database's number is the newest, and the rest is not.
            let whole = try home.copy()
            try whole.tamper { _ = try $0.checkpoint(.truncate) }
            var bytes = try Home.bytes(killed.database)
            bytes.replaceSubrange(0..<8_192, with: try Home.bytes(whole.database).prefix(8_192))
            try bytes.write(to: URL(fileURLWithPath: killed.database))
        }
        #expect(throws: StateError.self) { try killed.open(seed: 2) }
        withExtendedLifetime(store) {}
    }

    @Test(
        "brought in and emptied beside an idle store, it stays ready, and a kill loses nothing",
        arguments: [false, true])
    func idle(writes: Bool) async throws {
        let home = try Home()
        let store = try await Self.filled(home)
        try home.tamper { db in
            _ = try db.checkpoint(.truncate)
            // As long as the log was, or longer.
            if writes { for number in 1...40 { try db.execute(sql: "UPDATE clock SET wall = wall + \(number)") } }
        }
        for _ in 0..<2 {
            await store.writer.bringInLog()
            try await store.checkWritable()
        }
        #expect(try await Self.jobs(home.copy().open(seed: 2)) == 3)
        _ = try await store.insert(.of(seed: 9))
        #expect(try await Self.jobs(home.copy().open(seed: 2)) == 4)
        #expect(store.close() == nil)
        #expect(try await Self.jobs(home.copy().open(seed: 3)) == 4)
    }

    @Test("an older log in the place of the one that is there is not one that was begun anew")
    func olderLog() async throws {
        let home = try Home()
        let store = try await Self.filled(home)
        let older = try Home.bytes(home.database + "-wal")
        await store.writer.bringInLog()
        for seed in 4...6 { _ = try await store.insert(.of(floats: 4_000, seed: UInt64(seed))) }
        let file = open(home.database + "-wal", O_WRONLY)
        #expect(older.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) } == older.count)
        #expect(close(file) == 0)
        await store.writer.bringInLog()
        await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
        #expect(store.close() != nil)
    }
}
