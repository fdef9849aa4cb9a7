import Foundation
import GRDB
import Jobs
import Platform
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What bears witness beside the database")
struct WitnessTests {
    private static func record(_ home: Home) -> WitnessRecord? {
        guard case .record(let record, false)? = try? WitnessFile.read(home.path + "/witness") else { return nil }
        return record
    }

    private static func scan(_ home: Home) throws -> LogScan {
        try LogScan(OpenFile(path: home.database + "-wal"), pageSize: StoreDatabase.pageSize)
    }

    @Test("the log is read as SQLite reads it, and the record is its last commit")
    func log() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...20 {
            _ = try await store.insert(.of(floats: 1_000, seed: UInt64(seed)))
            let scan = try Self.scan(home)
            let record = try #require(Self.record(home))
            #expect(scan.salts == record.salts && scan.frames == Int(record.frames) && scan.sums.last == record.sum)
            #expect(scan.head == record.head && !scan.isBroken)
        }
        let number = try home.tamper { try Int.fetchOne($0, sql: "PRAGMA user_version") }
        #expect(Self.record(home)?.sequence == UInt32(number ?? 0))
        let frames = try store.database.withWriter { try $0.checkpoint(.passive).walFrameCount }
        #expect(try Self.scan(home).frames == frames)
    }

    @Test(
        "what bears witness of the database and is overwritten in place is told",
        arguments: [("sums", true), ("sums", false), ("witness", true)])
    func witnesses(name: String, isZeroed: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...9 { _ = try await store.insert(.of(floats: 4_000, seed: UInt64(seed))) }
        store.database.checkpointAll()
        _ = try await store.insert(.of(seed: 10))
        try await store.checkWritable()
        let path = home.path + "/" + name
        let bytes = try Home.bytes(path)
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        if isZeroed {
            try file.write(contentsOf: Data(count: bytes.count))
        } else {
            try file.seek(toOffset: 48)
            try file.write(contentsOf: [bytes[48] ^ 1])
        }
        try file.close()
        // Whatever the resolution of the file system's clock.
        var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
        #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
        for _ in 0..<2 {
            let error = await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
            #expect(error?.description.contains("\(name) was overwritten while the service ran") == true)
        }
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 11)) }
        #expect(store.close()?.contains(name) == true)
    }

    @Test("what only touches the files is no change")
    func touched() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...9 { _ = try await store.insert(.of(floats: 4_000, seed: UInt64(seed))) }
        store.database.checkpointAll()
        for name in ["sums", "witness", "jobs.sqlite", "jobs.sqlite-wal"] {
            var times = [timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0)]
            #expect(utimensat(AT_FDCWD, home.path + "/" + name, &times, 0) == 0)
            try await store.checkWritable()
        }
        #expect(try await store.insert(.of(seed: 11)).status == .queued)
        #expect(store.close() == nil)
    }

    @Test("a record that was changed in any bit is none")
    func bits() {
        var record = WitnessRecord()
        (record.number, record.sequence, record.salts, record.frames, record.sum) = (7, 8, 9, 10, 11)
        record.isFlushed = true
        record.head = Array(0..<32)
        let bytes = record.encoded
        #expect(bytes.withUnsafeBytes { WitnessRecord($0) } == record)
        for bit in 0..<bytes.count * 8 {
            var spoilt = bytes
            spoilt[bit / 8] ^= 1 << (bit % 8)
            #expect(spoilt.withUnsafeBytes { WitnessRecord($0) } == nil, "bit \(bit)")
        }
    }

    @Test("the database's number may begin anew")
    func sequence() {
        var record = WitnessRecord()
        record.sequence = .max
        #expect(record.isReached(by: 1) && record.isReached(by: .max) && !record.isReached(by: .max - 1))
        #expect(record.lacking(at: .max - 3) == 3)
    }

    @Test("a database that grew and shrank is whole, killed at any time")
    func lives() async throws {
        let home = try Home()
        let clock = ManualClock()
        var random = SeededRandom(seed: 5)
        for round in 0..<6 {
            let store = try home.open(clock: clock, seed: UInt64(round)) { $0.resultTTL = .seconds(10) }
            for seed in 0..<40 {
                _ = try await store.finish(
                    .of(floats: Int.random(in: 100...20_000, using: &random), seed: UInt64(seed)))
                if seed % 13 == 0 { store.database.checkpointAll() }
                if seed % 7 == 0 {
                    let copy = try home.copy()
                    _ = try FolderCheck(StatePlaces(folder: copy.path)).run()
                    try FileManager.default.removeItem(atPath: copy.path)
                }
            }
            clock.advance(by: .seconds(11))
            _ = try await store.expire()
            _ = try await store.expire()
            #expect(try Home.bytes(home.database + "-wal").isEmpty, "all is in the database when it is quiet")
            if round % 2 == 0 { store.close() }
            let whole = try FolderCheck(StatePlaces(folder: home.copy().path)).run()
            #expect(whole.notes == [] && whole.sums == nil)
            store.close()
        }
    }

    @Test("somebody else's SQLite may change the database, which is told", arguments: [true, false])
    func others(isClosed: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.finish()
        if isClosed { store.close() }
        let copy = try home.copy()
        try copy.tamper { try $0.execute(sql: "UPDATE jobs SET name = 'another'") }
        try Data().write(to: URL(fileURLWithPath: copy.path + "/lock"))
        #expect(StateFolder.waitingJobs(in: copy.path) == 0)
        let notes = Notes()
        let next = try copy.open(logger: notes.logger())
        #expect(try await next.job(id)?.name == "another")
        #expect(notes.all.contains { $0.contains("something else than Vigil") })
        next.close()
        #expect(try FolderCheck(StatePlaces(folder: copy.path)).run().notes == [])
    }

    @Test("a log of another folder, or an older one of this, is refused", arguments: [true, false])
    func strangeLog(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        let other = try Home()
        let store = try other.open(seed: 77)
        for seed in 1...60 { _ = try await store.insert(.of(seed: UInt64(seed))) }
        let foreign = try Home.bytes(other.database + "-wal")
        #expect(
            try await accepted.trials(1) { _, home in
                try foreign.write(to: URL(fileURLWithPath: home.database + "-wal"))
                return "another folder's log"
            } == [])
        // What a restart writes, kept and put back later.
        let home = accepted.home
        var next: SQLiteJobStore? = try home.open(seed: 5)
        let old = try Home.bytes(home.database + "-wal")
        let late = try await next?.insert(.of(seed: 500)).id
        if isClosed { next = nil }
        let copy = try home.copy()
        try old.write(to: URL(fileURLWithPath: copy.database + "-wal"))
        do {
            let opened = try copy.open(seed: 6)
            #expect(try await opened.job(#require(late)) != nil)
        } catch let error as StateError { #expect(error.description.contains("-wal")) }
        withExtendedLifetime(next) {}
    }

    @Test(
        "a first start that ends between any two files can be begun again", arguments: ["", "witness", "witness sums"])
    func firstStart(files: String) async throws {
        let home = try Home()
        let made = try Home()
        let places = StatePlaces(folder: made.path)
        _ = try LogKeeper(places, FolderCheck(places).run(), isFlushed: true)
        for name in files.split(separator: " ") {
            try FileManager.default.copyItem(atPath: made.path + "/" + name, toPath: home.path + "/" + name)
        }
        let store = try home.open()
        #expect(try await store.insert(.of()).status == .queued)
    }

    @Test("sums that a checkpoint of somebody else has left behind are not gone by")
    func foreignCheckpoint() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...20 { _ = try await store.insert(.of(floats: 1_000, seed: UInt64(seed))) }
        try home.tamper { db in
            try db.execute(sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        }
        for seed in 21...22 { _ = try await store.insert(.of(floats: 1_000, seed: UInt64(seed))) }
        store.database.checkpointAll()
        _ = try await store.insert(.of(floats: 1_000, seed: 23))
        let copy = try home.copy()
        let next = try copy.open()
        #expect(try await next.list(JobFilter(), limit: 100, before: nil).count == 23)
        let whole = try FolderCheck(StatePlaces(folder: copy.copy().path)).run()
        #expect(whole.notes == [] && whole.sums == nil, "they were made anew")
    }

    @Test("a log that is gone with claims alone costs nothing; with an end it is damage", arguments: [false, true])
    func claims(ends: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.insert(.of()).id
        store.database.checkpointAll()
        let claimed = try #require(try await store.claim(limit: 1).first)
        if ends { _ = try await store.complete(claimed.token, with: .done) }
        let copy = try home.copy()
        try FileManager.default.removeItem(atPath: copy.database + "-wal")
        if ends {
            #expect(throws: StateError.self) { try copy.open() }
        } else {
            #expect(try await copy.open().job(id)?.status == .queued)
        }
    }

    @Test("a folder of before opens, and is witnessed from then on", arguments: [true, false])
    func older(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        let home = accepted.home
        // Without its witness, and without the number that goes with it, which is how older ones are.
        try home.tamper { db in
            try db.execute(sql: "PRAGMA user_version = 0; DELETE FROM grdb_migrations WHERE identifier = 'witness'")
        }
        for name in ["witness", "sums"] { try FileManager.default.removeItem(atPath: home.path + "/" + name) }
        if isClosed { try Data("1 2 3".utf8).write(to: URL(fileURLWithPath: home.path + "/closed")) }
        #expect(try await accepted.verdict() == .whole)
        #expect(Self.record(home)?.isClosed == true)
        #expect(!FileManager.default.fileExists(atPath: home.path + "/closed"))
        #expect(
            try await accepted.trials(1) { _, home in
                try Home.flip(home.database, at: 8_192 * 5 + 77)
                return "a bit"
            } == [])
    }

    @Test("what is nobody's is set aside, and goes after a while or for want of room")
    func strays() async throws {
        let home = try Home()
        let store = try home.open()
        let job = try await store.insert(.large)
        let copy = try home.copy()
        try Data("x".utf8).write(to: URL(fileURLWithPath: copy.path + "/files/stray"))
        let next = try copy.open()
        #expect(try copy.bodies() == ["\(job.id).in"])
        #expect(try Home.bytes(copy.path + "/strays/stray") == Data("x".utf8))
        Strays(places: StatePlaces(folder: copy.path)).trim(free: 0)
        #expect(!FileManager.default.fileExists(atPath: copy.path + "/strays"))
        next.close()
        store.close()
    }

    @Test("damage that is met later ends what is taken, and is told")
    func later() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...200 { _ = try await store.finish(.of(floats: 1_000, seed: UInt64(seed)), with: .output(5_000)) }
        let ids = try await store.list(JobFilter(), limit: 300, before: nil).map(\.id)
        store.database.checkpointAll()
        let bytes = try Home.bytes(home.database)
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: home.database))
        try file.seek(toOffset: 8_192)
        try file.write(contentsOf: Data(repeating: 0xA5, count: bytes.count - 8_192))
        try file.close()
        for id in ids { _ = try? await store.output(id, fetching: false) }
        await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 777)) }
    }

    @Test("a kill after the first transaction of a start, before its note, refuses no start", arguments: [true, false])
    func firstTransaction(isClosed: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.insert(.of())
        store.database.checkpointAll()
        // As a killed process leaves it, or one that ended in order.
        let left: Home
        if isClosed {
            store.close()
            left = try home.copy()
        } else {
            left = try home.copy()
            store.database.abandon()
        }
        let noted = try left.copy()
        let keeper = try LogKeeper(
            StatePlaces(folder: noted.path), FolderCheck(StatePlaces(folder: noted.path)).run(), isFlushed: true)
        _ = keeper
        let begun = try left.copy()
        // What GRDB commits before anybody else can.
        let other = try DatabasePool(path: begun.database)
        let log = Array(try Home.bytes(begun.database + "-wal"))
        try other.close()
        let step = LogScan.frameHeadBytes + StoreDatabase.pageSize
        var end = LogScan.headBytes
        var isWhole = false
        while !isWhole {
            try #require(end + step <= log.count, "\(log.count) bytes")
            isWhole = log[end..<end + step].withUnsafeBytes { LogScan.FrameHead($0).isCommit }
            end += step
        }
        for length in [0, LogScan.headBytes, LogScan.headBytes + step / 2, end] {
            let killed = try noted.copy()
            try Data(log[..<length]).write(to: URL(fileURLWithPath: killed.database + "-wal"))
            let again = try killed.open()
            #expect(try await again.list(JobFilter(), limit: 9, before: nil).count == 1, "\(length) bytes")
            again.close()
        }
    }
}
