import Foundation
import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What bears witness and can't be written")
struct UnwrittenTests {
    /// Lets nothing be written to a file that the store has open, until it is put back.
    private struct ReadOnly {
        private let descriptor: Int32
        private let kept: Int32

        init(_ name: String, of home: Home) throws {
            let all = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
            let end = (home.path as NSString).lastPathComponent + "/" + name
            descriptor = try #require(
                all.first { number in
                    let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)")
                    return path?.hasSuffix(end) == true && fcntl(number, F_GETFL) & O_ACCMODE == O_RDWR
                })
            kept = dup(descriptor)
            let other = open(home.path + "/" + name, O_RDONLY | O_CLOEXEC)
            #expect(kept >= 0 && dup2(other, descriptor) == descriptor)
            close(other)
        }

        func putBack() {
            #expect(dup2(kept, descriptor) == descriptor)
            close(kept)
        }
    }

    private static func record(_ home: Home) throws -> WitnessRecord {
        guard case .record(let record, false) = try WitnessFile.read(home.path + "/witness") else {
            throw CancellationError()
        }
        return record
    }

    /// A store whose log somebody else has brought in and begun anew.
    private static func begunAnew(_ home: Home) async throws -> SQLiteJobStore {
        let store = try home.open()
        for seed in 1...3 { _ = try await store.insert(.of(floats: 4_000, seed: UInt64(seed))) }
        try home.tamper { db in
            _ = try db.checkpoint(.truncate)
            try db.execute(sql: "UPDATE clock SET wall = wall + 1")
        }
        return store
    }

    @Test(
        "a log that somebody else began is not brought in before its sums are written, however often that fails",
        arguments: ["sums", "witness"])
    func sumsOfOthers(name: String) async throws {
        let home = try Home()
        let store = try await Self.begunAnew(home)
        let before = try Home.bytes(home.database)
        let readOnly = try ReadOnly(name, of: home)
        for time in 1...3 {
            store.database.checkpointAll()
            #expect(try Home.bytes(home.database) == before, "time \(time)")
            #expect(store.database.hasLog)
        }
        readOnly.putBack()
        store.database.checkpointAll()
        #expect(try Home.bytes(home.database) != before)
        #expect(try Home.bytes(home.database + "-wal").isEmpty)
        try await store.checkWritable()
        #expect(try await store.insert(.of(seed: 4)).status == .queued)
        #expect(store.close() == nil)
        let again = try home.copy().open(seed: 2)
        #expect(try await again.list(JobFilter(), limit: 10, before: nil).count == 4)
        #expect(again.close() == nil)
    }

    @Test("a record that could not be written is tried again in its own place, not in that of the last whole one")
    func place() async throws {
        let home = try Home()
        let store = try await Self.begunAnew(home)
        let number = try Self.record(home).number
        let readOnly = try ReadOnly("witness", of: home)
        store.database.checkpointAll()
        readOnly.putBack()
        store.database.checkpointAll()
        #expect(try Self.record(home).number == number + 1)
        withExtendedLifetime(store) {}
    }

    @Test("a first commit of a log that is noted late is no sign that somebody else has brought the log in")
    func lateNote() async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.insert(.of(seed: 1))
        store.database.checkpointAll()
        let readOnly = try ReadOnly("witness", of: home)
        _ = try await store.insert(.of(seed: 2))
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 3)) }
        readOnly.putBack()
        _ = try await store.insert(.of(seed: 4))
        #expect(try !Self.record(home).areSumsLost)
        #expect(store.close() == nil)
        #expect(try await home.copy().open(seed: 2).list(JobFilter(), limit: 10, before: nil).count == 3)
    }

    @Test("the sums of what somebody else wrote are lost where they can't be written before the log is begun anew")
    func lostSums() throws {
        let home = try Home()
        let places = StatePlaces(folder: home.path)
        let keeper = try LogKeeper(places, FolderCheck(places).run(), isFlushed: true)
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 0")
            guard !db.configuration.readonly else { return }
            keeper.watch(db)
            try db.execute(sql: "PRAGMA page_size = \(StoreDatabase.pageSize)")
        }
        let pool = try DatabasePool(path: home.database, configuration: configuration)
        try pool.writeWithoutTransaction { try $0.execute(sql: "CREATE TABLE numbers (number)") }
        #expect(keeper.sum())
        try home.tamper { try $0.execute(sql: "INSERT INTO numbers VALUES (1)") }
        let readOnly = try ReadOnly("sums", of: home)
        let frames = try pool.writeWithoutTransaction { try $0.checkpoint(.passive).walFrameCount }
        #expect(!keeper.sum(upTo: frames))
        readOnly.putBack()
        #expect(try !Self.record(home).areSumsLost)
        try pool.writeWithoutTransaction { try $0.execute(sql: "INSERT INTO numbers VALUES (2)") }
        #expect(try Self.record(home).areSumsLost)
        try pool.close()
        withExtendedLifetime(keeper) {}
    }
}
