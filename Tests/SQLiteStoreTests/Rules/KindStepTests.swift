import Foundation
import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A folder of before jobs were of kinds")
struct KindStepTests {
    /// Makes a folder what a Vigil would have left that had columns for features: each job of two rows, the options beside the
    /// input as its digest counts them in.
    static func aged(_ home: Home) throws -> Home {
        let copy = try home.copy()
        try copy.tamper { db in
            try db.execute(
                sql: """
                    ALTER TABLE jobs ADD COLUMN snippets INTEGER NOT NULL DEFAULT 2 CHECK (snippets >= 0);
                    ALTER TABLE jobs ADD COLUMN features_sha256 TEXT NOT NULL DEFAULT 'abcd';
                    ALTER TABLE jobs ADD COLUMN warnings TEXT NOT NULL DEFAULT '';
                    ALTER TABLE payloads ADD COLUMN width INTEGER NOT NULL DEFAULT 0 CHECK (width >= 0);
                    UPDATE jobs SET warnings = 'one' || char(10) || 'two';
                    UPDATE payloads SET width = plain / 8, options = x'0102';
                    ALTER TABLE jobs DROP COLUMN kind;
                    ALTER TABLE jobs DROP COLUMN subject;
                    ALTER TABLE payloads DROP COLUMN plain;
                    ALTER TABLE payloads DROP COLUMN floats;
                    DROP INDEX jobs_owner; DROP INDEX jobs_owner_status; DROP TABLE usage;
                    DROP TABLE alerts; DROP TABLE remarks; ALTER TABLE jobs DROP COLUMN alerts;
                    DROP INDEX jobs_model; DROP INDEX jobs_owner_model; CREATE INDEX jobs_live ON jobs (id) WHERE status <= 1;
                    ALTER TABLE jobs DROP COLUMN owner; ALTER TABLE jobs DROP COLUMN trace;
                    DELETE FROM grdb_migrations WHERE identifier IN ('kinds', 'owners', 'jobs by model', 'remarks', 'alerts');
                    """)
        }
        return copy
    }

    /// Version 1 of what a job to be scored says: `Service/Scoring/ScoreSubject` has to read it.
    private static func subject(width: Int, options: [UInt8]) -> [UInt8] {
        func number(_ value: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }
        return number(1) + number(2) + number(width) + number(4) + Array("abcd".utf8) + number(7)
            + Array("one\ntwo".utf8) + number(options.count) + options
    }

    @Test("its jobs are all there, with what was known of them, and run")
    func migration() async throws {
        let home = try Home()
        let before = try home.open()
        let ended = try await before.finish(.of(floats: 40))
        let failed = try await before.finish(
            .of(floats: 40, seed: 2), with: .failed(JobFailure(reason: "r", detail: "d")))
        let running = try await before.insert(.of(floats: 64, seed: 3)).id
        #expect(try await before.claim(limit: 1).map(\.id) == [running])
        var inputs: [JobID: JobBody] = [running: NewJob.of(floats: 64, seed: 3).input]
        for (seed, floats) in [(4, 16), (5, 64 << 10)] as [(UInt64, Int)] {
            let new = NewJob.of(floats: floats, seed: seed)
            inputs[try await before.insert(new).id] = new.input
        }
        let old = try Self.aged(home)
        let store = try old.open(seed: 2)
        #expect(try await store.differences() == [])
        for (id, status) in [(ended, JobStatus.succeeded), (failed, .failed)] {
            let job = try #require(try await store.job(id))
            #expect(job.status == status && job.kind == "score" && job.inputBytes == 160)
            #expect(job.subject.bytes == Self.subject(width: 0, options: []))
        }
        #expect(try await store.output(ended)?.body.count == 10)
        for _ in inputs {
            let claimed = try #require(try await store.claim(limit: 1).first)
            #expect(claimed.kind == "score" && claimed.input == inputs[claimed.id])
            #expect(claimed.subject.bytes == Self.subject(width: claimed.input.count / 8, options: [1, 2]))
            _ = try await store.complete(claimed.token, with: .done)
        }
        #expect(try await store.counts().succeeded == 4)
        store.close()
        let again = try old.copy().open(seed: 3)
        #expect(try await again.job(ended)?.subject.bytes == Self.subject(width: 0, options: []))
    }

    #if os(Linux)
        @Test("what a large statement needs beside the database is in the folder, nameless, and needs no /tmp")
        func temporaries() throws {
            let home = try Home()
            let store = try home.open()
            #expect(try store.database.withWriter { try Int.fetchOne($0, sql: "PRAGMA temp_store") } == 2)
            store.close()
            let place = try Home().path
            try DatabaseQueue().inDatabase { db in
                try StoreDatabase.keepTemporaries(in: place, db)
                try db.execute(
                    sql: """
                        PRAGMA temp.cache_size = 1;
                        CREATE TEMP TABLE t AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
                        SELECT randomblob(2000) FROM n;
                        """)
                let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
                    try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
                }
                #expect(open.contains { $0.contains(place + "/") && $0.hasSuffix("(deleted)") })
                try StoreDatabase.keepTemporaries(in: nil, db)
            }
            #expect(try FileManager.default.contentsOfDirectory(atPath: place) == [])
        }
    #endif

    @Test("a body of it that was damaged is noticed, and a row of it that can't be read is told")
    func damage() async throws {
        let home = try Home()
        let before = try home.open()
        let unreadable = try await before.finish(.of(seed: 3))
        let bad = try await before.insert(.of()).id
        let good = try await before.insert(.of(seed: 2)).id
        let old = try Self.aged(home)
        try old.tamper { db in
            try db.execute(sql: "UPDATE payloads SET options = x'0103' WHERE job = ?", arguments: [bad.blob])
            try db.execute(sql: "UPDATE jobs SET model = x'ff' WHERE id = ?", arguments: [unreadable.blob])
        }
        #expect(try FolderReport(of: old.path).damages.map(\.job) == ["\(bad)"], "bodies are checked before that too")
        let store = try old.open(seed: 2)
        #expect(try await store.claim(limit: 2).map(\.id) == [good])
        #expect(try await store.job(bad)?.failure?.reason == "damaged-job")
        await #expect(throws: JobStoreError.self) { try await store.job(unreadable) }
    }

    @Test("it is recovered like any other")
    func recovery() async throws {
        let home = try Home()
        let before = try home.open()
        let ended = try await before.finish()
        let queued = try await before.insert(.of(seed: 2)).id
        let old = try Self.aged(home)
        let target = try Home()
        let recovery = try FolderRecovery(of: old.path, into: target.path + "/new")
        #expect(recovery.recovered == 2 && recovery.losses.isEmpty)
        let rows = target.path + "/rows.sqlite"
        #expect(try RowSalvage(from: old.database, to: rows, files: old.path + "/files").run() == [])
        let count = try DatabaseQueue(path: rows).inDatabase { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs WHERE snippets = 2")
        }
        #expect(count == 2)
        let store = try SQLiteJobStore(folder: StateFolder(target.path + "/new"), clock: ManualClock())
        #expect(try await store.job(ended)?.status == .succeeded)
        #expect(try await store.claim(limit: 1).map(\.id) == [queued])
    }
}
