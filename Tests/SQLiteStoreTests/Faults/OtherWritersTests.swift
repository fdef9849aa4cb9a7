import GRDB
import Jobs
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
}
