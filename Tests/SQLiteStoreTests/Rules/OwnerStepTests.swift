import Foundation
import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Whose jobs are, on disk")
struct OwnerStepTests {
    /// Makes a folder what a Vigil would have left that knew no owners.
    private func aged(_ home: Home) throws -> Home {
        let copy = try home.copy()
        try copy.tamper { db in
            try db.execute(
                sql: """
                    DROP INDEX jobs_owner; DROP INDEX jobs_owner_status; DROP TABLE usage;
                    DROP TABLE alerts; DROP TABLE remarks; ALTER TABLE jobs DROP COLUMN alerts;
                    DROP INDEX jobs_model; DROP INDEX jobs_owner_model; CREATE INDEX jobs_live ON jobs (id) WHERE status <= 1;
                    ALTER TABLE jobs DROP COLUMN owner; ALTER TABLE jobs DROP COLUMN trace;
                    DELETE FROM grdb_migrations WHERE identifier IN ('owners', 'jobs by model', 'remarks', 'alerts');
                    """)
        }
        return copy
    }

    private func job(_ seed: UInt64, of owner: String?, trace: String? = nil) -> NewJob {
        var new = NewJob.of(seed: seed)
        new.owner = owner
        new.trace = trace
        return new
    }

    @Test("a job of before is of the key that it came with, and nobody's where it came with none")
    func migration() async throws {
        let home = try Home()
        let before = try home.open()
        let clients = ["key alice", "192.0.2.7", "key ", "monkey bob", "", "key key b"]
        var ids: [JobID] = []
        for (seed, client) in clients.enumerated() {
            ids.append(try await before.insert(.of(seed: UInt64(seed), client: client)).id)
        }
        _ = try await before.claim(limit: 2)
        let old = try aged(home)
        let store = try old.open(seed: 2)
        var owners: [String?] = []
        for id in ids { owners.append(try await store.job(id)?.owner) }
        #expect(owners == ["alice", nil, nil, nil, nil, "key b"])
        #expect(try await store.differences() == [])
        store.close()
        #expect(try await old.copy().open(seed: 3).job(ids[0])?.owner == "alice")
    }

    @Test("each of many jobs of before gets its owner, by a writer that needs no temporary file")
    func many() async throws {
        let home = try Home()
        let before = try home.open()
        let clients = (0..<1_100).map { $0 % 2 == 0 ? "key alice" : "192.0.2.7" }
        let batch = Submission(batch: clients.map { .of(client: $0) })
        let ids = try await before.submit(batch).jobs.map(\.id)
        before.close()
        let old = try aged(home)
        let store = try old.open(seed: 2)
        let owned = try old.tamper { try Int.fetchOne($0, sql: "SELECT count(*) FROM jobs WHERE owner = 'alice'") }
        #expect(owned == 550)
        #expect(try await store.job(ids[1_098])?.owner == "alice")
        #expect(try await store.job(ids[1_099])?.owner == nil)
        #expect(try store.database.withWriter { try Int.fetchOne($0, sql: "PRAGMA temp_store") } == 2, "in memory")
    }

    @Test("owners and traces outlast the process, and are in a copy of a damaged folder", arguments: [true, false])
    func recovery(salvaged: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.insert(job(1, of: "alice", trace: "00-12-34-01")).id
        let ended = try await store.finish(job(2, of: "bob"))
        _ = try await store.insert(job(3, of: nil))
        #expect(try await store.differences() == [])
        store.close()
        // Without the lock, which a process keeps.
        let left = try home.copy()
        let again = try home.copy().open(seed: 2)
        let job = try await again.job(id)
        #expect(job?.owner == "alice" && job?.trace == "00-12-34-01")
        #expect(try await again.differences() == [])
        again.close()
        let target = try Home().path + "/new"
        if salvaged {
            try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
            _ = try RowSalvage(from: left.database, to: target + "/jobs.sqlite", files: left.path + "/files").run()
            let rows = try DatabaseQueue(path: target + "/jobs.sqlite").inDatabase { db in
                try Row.fetchAll(db, sql: "SELECT owner, trace FROM jobs ORDER BY id").map { "\($0)" }
            }
            #expect(rows.count == 3 && rows[0].contains("alice") && rows[0].contains("00-12-34-01"))
            #expect(rows[1].contains("bob"))
        } else {
            #expect(try FolderRecovery(of: left.path, into: target).isWhole)
            let copy = try SQLiteJobStore(
                folder: StateFolder(target), clock: ManualClock(), random: SeededRandom(seed: 3))
            #expect(try await copy.job(id)?.owner == "alice")
            #expect(try await copy.job(ended)?.owner == "bob")
            copy.close()
        }
    }

    @Test("rows are read one by one from a folder that knew no owners")
    func salvageOfBefore() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.insert(.of(client: "key alice")).id
        store.close()
        let old = try aged(home)
        let target = old.path + "/rows.sqlite"
        #expect(try RowSalvage(from: old.database, to: target, files: old.path + "/files").run() == [])
        let ids = try DatabaseQueue(path: target).inDatabase { try Blob.fetchAll($0, sql: "SELECT id FROM jobs") }
        #expect(ids.map { JobID($0) } == [id])
    }
}
