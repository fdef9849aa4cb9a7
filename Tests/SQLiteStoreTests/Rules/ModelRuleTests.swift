import Foundation
import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A folder of before the models' digests were noted")
struct ModelMigrationTests {
    /// Makes a folder what a Vigil would have left that knew no digests, with whatever it was doing.
    private func aged(_ home: Home) throws -> Home {
        let copy = try home.copy()
        try copy.tamper { db in
            try db.execute(sql: "ALTER TABLE jobs DROP COLUMN model_sha256")
            try db.execute(sql: "DELETE FROM grdb_migrations WHERE identifier = 'models'")
        }
        return copy
    }

    @Test("its jobs are all there: those that wait become those of the model of their name, the others have no digest")
    func migration() async throws {
        let home = try Home()
        let before = try home.open()
        let ended = try await before.finish()
        var other = NewJob.of(seed: 2)
        other.model = "other"
        let running = try await before.insert(.of()).id
        #expect(try await before.claim(limit: 1).map(\.id) == [running])
        let queued = try await before.insert(.of(seed: 3)).id
        let stranger = try await before.insert(other).id
        let old = try aged(home)
        let store = try old.open()
        #expect(try await store.counts().total == 4)
        for id in [ended, running, queued, stranger] {
            let job = try #require(try await store.job(id))
            #expect(job.modelSHA256 == nil && !job.isModelMissing)
        }
        #expect(try await store.output(ended)?.body.count == 10)
        _ = try await store.serve(ServedModels(["aa": "tiny"]), missing: .wait)
        #expect(try await store.differences() == [])
        #expect(try await store.waitingJobs().map(\.model) == [ModelID(name: "other", sha256: nil)])
        let claimed = try await store.claim(limit: 9)
        #expect(claimed.map(\.id) == [running], "what ran at the end of the process runs alone")
        _ = try await store.complete(claimed[0].token, with: .done)
        #expect(try await store.claim(limit: 9).map(\.id) == [queued])
        let digests = try old.tamper { try String?.fetchAll($0, sql: "SELECT model_sha256 FROM jobs ORDER BY id") }
        #expect(digests == [nil, "aa", "aa", nil])
        let again = try old.copy().open()
        _ = try await again.serve(ServedModels(["bb": "tiny", "cc": "other"]), missing: .wait)
        #expect(try await again.claim(limit: 9).map(\.model) == [ModelID(name: "other", sha256: "cc")])
        #expect(try await again.waitingJobs().map(\.model) == [ModelID(name: "tiny", sha256: "aa")])
    }

    @Test("a folder that was migrated is opened again as it is")
    func twice() async throws {
        let home = try Home()
        let id = try await home.open().insert(.of()).id
        let old = try aged(home)
        try old.open().close()
        #expect(try await old.open().job(id)?.status == .queued)
    }
}

@Suite("Which models are served, on a disk that fails")
struct ServedFaultTests {
    @Test("what is served outlasts a transaction that fails, and what was to be served does not")
    func failedTransaction() async throws {
        let home = try Home()
        let store = try home.open()
        var new = NewJob.of()
        new.modelSHA256 = "aa"
        let own = try await store.insert(new).id
        new.modelSHA256 = "bb"
        let other = try await store.insert(new).id
        _ = try await store.serve(ServedModels(["aa": "tiny"]), missing: .wait)
        struct Failure: Error {}
        await #expect(throws: JobStoreError.self) { try await store.writer.commit { _ -> Void in throw Failure() } }
        #expect(try await store.job(other)?.isModelMissing == true)
        // The transaction of the change itself.
        try home.tamper { db in
            try db.execute(
                sql: "CREATE TRIGGER refusal BEFORE UPDATE OF status ON jobs BEGIN SELECT raise(ABORT, 'no'); END")
        }
        await #expect(throws: JobStoreError.self) {
            try await store.serve(ServedModels(["bb": "tiny"]), missing: .fail)
        }
        try home.tamper { try $0.execute(sql: "DROP TRIGGER refusal") }
        #expect(try await store.job(own)?.isModelMissing == false)
        #expect(try await store.job(other)?.isModelMissing == true)
        #expect(try await store.claim(limit: 9).map(\.id) == [own])
        let change = try await store.serve(ServedModels(["bb": "tiny"]), missing: .wait)
        #expect(change.arrived.values.map(\.jobs) == [1])
        #expect(try await store.claim(limit: 9).map(\.id) == [other])
        #expect(try await store.differences() == [])
    }
}
