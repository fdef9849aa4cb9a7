import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("queue.md 4: one writer, which begins as one")
struct OneWriterTests {
    @Test("a transaction has the database for itself before its first statement")
    func immediate() async throws {
        let home = try Home()
        let store = try home.open()
        let code = try await store.writer.commit { _ in
            do {
                try home.tamper { try $0.execute(sql: "BEGIN IMMEDIATE") }
                return nil as ResultCode?
            } catch let error as DatabaseError { return error.resultCode }
        }
        #expect(code == .SQLITE_BUSY)
    }

    @Test("readers can't write")
    func queryOnly() async throws {
        let store = try Home().open()
        #expect(try await store.database.read { try Int.fetchOne($0, sql: "PRAGMA query_only") } == 1)
        await #expect(throws: JobStoreError.self) {
            try await store.database.read { try $0.execute(sql: "DELETE FROM jobs") }
        }
    }

    @Test("a write lock that somebody else has for a moment is waited for, and costs no job")
    func waits() async throws {
        let home = try Home()
        let store = try home.open()
        let other = try home.lock()
        async let inserting = store.insert(.of())
        try await other.writeWithoutTransaction { try $0.execute(sql: "ROLLBACK") }
        #expect(try await inserting.status == .queued)
    }
}

@Suite("queue.md 5: only the writer checkpoints")
struct CheckpointTests {
    @Test("no connection does by itself, and SQLite's version is logged")
    func autocheckpoint() async throws {
        let notes = Notes()
        let store = try Home().open(logger: notes.logger())
        let reader = try await store.database.read { try Int.fetchOne($0, sql: "PRAGMA wal_autocheckpoint") }
        let writer = try store.database.withWriter { try Int.fetchOne($0, sql: "PRAGMA wal_autocheckpoint") }
        #expect(reader == 0 && writer == 0)
        let version = try store.database.withWriter { try String.fetchOne($0, sql: "SELECT sqlite_version()") }
        #expect(notes.all.contains { $0.contains("SQLite \(version ?? "?"), synchronous normal") })
    }

    @Test("the log is brought into the database while the store is open, and does not grow for ever")
    func bounded() async throws {
        let home = try Home()
        let store = try home.open()
        let limit = store.space.largestLog
        let new = NewJob.of(floats: 30_000)
        var written = 0
        while written < 3 * limit {
            let id = try await store.finish(new, with: .output(100_000))
            #expect(try await store.forget(id))
            written += 220_000
        }
        #expect(store.database.logBytes < 2 * limit)
    }
}

@Suite("queue.md 6: what was said is on the disk")
struct DurabilityTests {
    @Test(
        "the writer flushes each commit unless told otherwise, whatever GRDB sets",
        arguments: [(SQLiteJobStore.Settings.Durability.full, 2), (.normal, 1)])
    func synchronous(durability: SQLiteJobStore.Settings.Durability, value: Int) async throws {
        let store = try Home().open { $0.durability = durability }
        #expect(try store.database.withWriter { try Int.fetchOne($0, sql: "PRAGMA synchronous") } == value)
        #expect(try store.database.withWriter { try String.fetchOne($0, sql: "PRAGMA journal_mode") } == "wal")
    }

    @Test("it does so by default")
    func byDefault() { #expect(SQLiteJobStore.Settings().durability == .full) }

    @Test("whatever was returned is found by a process that begins then", arguments: [16, 64 << 10])
    func committed(floats: Int) async throws {
        let home = try Home()
        let store = try home.open()
        let new = NewJob.of(floats: floats)
        let id = try await store.insert(new).id
        let second = try home.copy()
        #expect(try await second.open(seed: 2).claim(limit: 1).map(\.input) == [new.input])
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .output(floats * 4))
        let third = try home.copy().open(seed: 3)
        #expect(try await third.output(id)?.body.count == floats * 4)
        #expect(try await store.forget(id))
        #expect(try await home.copy().open(seed: 4).job(id) == nil)
    }

    @Test("a submission does not return before its transaction is committed")
    func order() async throws {
        let home = try Home()
        let store = try home.open()
        let gate = await WriterGate(store.writer)
        let task = Task { try await store.insert(.of()) }
        await store.writer.awaitWaiting(1)
        #expect(try home.tamper { try Int.fetchOne($0, sql: "SELECT count(*) FROM jobs") } == 0)
        #expect(try await store.list(status: nil, limit: 1, before: nil).isEmpty)
        try await gate.open()
        #expect(try await task.value.status == .queued)
    }
}

@Suite("queue.md 7: many share a commit")
struct GroupCommitTests {
    @Test("100 submissions that wait share two transactions, and all are there in their order")
    func shared() async throws {
        let store = try Home().open()
        let gate = await WriterGate(store.writer)
        let before = store.writer.transactions
        let ids = try await withThrowingTaskGroup(of: JobID.self) { group in
            for seed in 1...100 { group.addTask { try await store.insert(.of(seed: UInt64(seed))).id } }
            await store.writer.awaitWaiting(100)
            try await gate.open()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(store.writer.transactions - before == 3, "the gate's own, one of 64, one of 36")
        #expect(try await store.claim(limit: 100).map(\.id) == ids.sorted())
        #expect(try await store.differences() == [])
    }

    @Test("claims and ends share transactions too")
    func ends() async throws {
        let store = try Home().open()
        for seed in 1...40 { _ = try await store.insert(.of(seed: UInt64(seed))) }
        var before = store.writer.transactions
        let claimed = try await store.claim(limit: 40)
        #expect(claimed.count == 40 && store.writer.transactions - before == 1)
        let gate = await WriterGate(store.writer)
        before = store.writer.transactions
        try await withThrowingTaskGroup(of: Void.self) { group in
            for job in claimed { group.addTask { _ = try await store.complete(job.token, with: .done) } }
            await store.writer.awaitWaiting(40)
            try await gate.open()
            try await group.waitForAll()
        }
        #expect(store.writer.transactions - before == 2)
        #expect(try await store.counts().succeeded == 40)
    }
}

@Suite("queue.md 11: readers do not make the log grow")
struct ReaderTests {
    @Test("a read ends its snapshot when it returns, so that the log can be emptied")
    func short() async throws {
        let store = try Home().open()
        let id = try await store.finish()
        for _ in 0..<8 {
            _ = try await store.job(id)
            _ = try await store.output(id)
            _ = try await store.list(status: nil, limit: 9, before: nil)
        }
        store.database.checkpointAll()
        #expect(store.database.logBytes == 0)
    }

    @Test("the size of the log is to be seen")
    func visible() async throws {
        let store = try Home().open()
        _ = try await store.finish(.of(floats: 20_000))
        #expect(store.database.logBytes > 80_000)
        #expect(store.summary.contains("log \(store.database.logBytes >> 10) KiB"))
    }
}
