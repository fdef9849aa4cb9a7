import Foundation
import GRDB
import Jobs
import Platform
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("queue.md 12: one process a folder")
struct FolderTests {
    @Test("a second one is refused, and told the number of the first")
    func second() throws {
        let home = try Home()
        let store = try home.open()
        #expect(throws: StateError.inUse(folder: home.path, pid: Int(getpid()))) { try StateFolder(home.path) }
        #expect(StateError.inUse(folder: home.path, pid: 7).description.contains("pid 7"))
        _ = store
    }

    @Test("who reads it is waited for as long as asked, and is not called by the number of the last server")
    func read() throws {
        let home = try Home()
        _ = try home.open()
        var reading: StateFolder.ReadingLock? = try StateFolder.lockToRead(home.path)
        #expect(throws: StateError.beingRead(folder: home.path)) { try StateFolder(home.path) }
        #expect(reading != nil)
        _ = try StateFolder(home.path, patience: .seconds(60)) { reading = nil }
        #expect(reading == nil)
    }

    @Test("a number in the lock file that no process has is not told of")
    func unknownHolder() {
        #expect(StateFolder.Holder.other.error("f", pid: Int(Int32.max)) == .inUse(folder: "f", pid: nil))
        #expect(StateFolder.Holder.other.error("f", pid: Int(getpid())) == .inUse(folder: "f", pid: Int(getpid())))
    }

    @Test(
        "a lock file that a dead process left is no obstacle, whatever stands in it", arguments: ["1\n", "", "x\u{0}y"])
    func stale(text: String) throws {
        let home = try Home()
        try Data(text.utf8).write(to: URL(fileURLWithPath: home.path + "/lock"))
        let folder = try StateFolder(home.path)
        #expect(try Home.bytes(home.path + "/lock") == Data("\(getpid())\n".utf8))
        _ = folder
    }

    @Test("the folder is free again when the store has gone")
    func free() throws {
        let home = try Home()
        for _ in 0..<3 { _ = try home.open() }
    }

    @Test("the folder is free again when the store has gone, also where a process is just being started")
    func starting() throws {
        let home = try Home()
        var copies: DescriptorCopies?
        for _ in 0..<3 {
            let folder = try StateFolder(home.path)
            copies = DescriptorCopies(in: folder.path)
        }
        #expect((copies?.count ?? 0) >= 2)
        copies = nil
        var reading: StateFolder.ReadingLock? = try StateFolder.lockToRead(home.path)
        copies = DescriptorCopies(in: home.path)
        #expect(reading != nil && copies?.count == 2)
        reading = nil
        _ = try StateFolder(home.path)
    }

    @Test("the folder is made with all that it is in, for its owner alone")
    func making() throws {
        let home = try Home()
        _ = try StateFolder(home.path + "/a/b/c/")
        let attributes = try FileManager.default.attributesOfItem(atPath: home.path + "/a/b/c")
        #expect(attributes[.posixPermissions] as? Int == 0o700)
    }

    @Test("the database, its log and index are their owner's alone, also in a folder that is open to all")
    func modes() async throws {
        let home = try Home()
        #expect(chmod(home.path, 0o755) == 0)
        let store = try home.open()
        _ = try await store.insert(.of())
        for name in ["", "-wal", "-shm"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: home.database + name)
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }

    @Test("a file in its place, or a place where none can be, is refused by name")
    func impossible() throws {
        let home = try Home()
        try Data().write(to: URL(fileURLWithPath: home.path + "/file"))
        for path in [home.path + "/file", home.path + "/file/state", "/proc/vigil/state"] {
            let error = #expect(throws: StateError.self) { try StateFolder(path) }
            guard case .unusable = error else {
                Issue.record("\(path): \(String(describing: error))")
                continue
            }
        }
    }

    @Test("a folder that can't be written to is refused", .enabled(if: getuid() != 0))
    func unwritable() throws {
        let home = try Home()
        #expect(chmod(home.path, 0o500) == 0)
        defer { chmod(home.path, 0o700) }
        #expect(throws: StateError.self) { try StateFolder(home.path) }
    }
}

@Suite("queue.md 14: the clock jumps")
struct ClockTests {
    private static let hour = Duration.seconds(3_600)

    @Test("setting the time of day while the store runs changes nothing", arguments: [0, 9_000_000_000_000])
    func jump(wall: Int64) async throws {
        let clock = ManualClock()
        let home = try Home()
        let store = try home.open(clock: clock) { $0.resultTTL = Self.hour }
        let ended = try await store.finish()
        var late = NewJob.of(seed: 2)
        late.deadline = Self.hour
        let queued = try await store.insert(late).id
        clock.setWall(WallTime(milliseconds: wall))
        clock.advance(by: .seconds(3_599))
        #expect(try await store.expire() == Expired())
        #expect(try await store.job(ended) != nil)
        #expect(try await store.job(queued)?.status == .queued)
        // Another process finds the time as it was set.
        let next = try home.copy().open(clock: clock, seed: 2) { $0.resultTTL = Self.hour }
        #expect(try await next.expire() == Expired())
        #expect(try await next.job(ended) != nil)
        clock.advance(by: .seconds(1))
        for store in [store, next] {
            let expired = try await store.expire()
            #expect(expired.removed == 1 && expired.overdue.map(\.id) == [queued])
        }
    }

    @Test("the time for which no process ran counts, and a deadline outlasts it")
    func away() async throws {
        let home = try Home()
        let clock = ManualClock()
        var store: SQLiteJobStore? = try home.open(clock: clock) { $0.resultTTL = Self.hour }
        let ended = try #require(try await store?.finish())
        var late = NewJob.of(seed: 2)
        late.deadline = .seconds(1_000)
        let queued = try #require(try await store?.insert(late).id)
        store = nil
        // Another machine start: the monotonic clock begins anew.
        let other = ManualClock(wall: WallTime(milliseconds: clock.wall.milliseconds + 999_000))
        store = try home.open(clock: other) { $0.resultTTL = Self.hour }
        #expect(try await store?.expire() == Expired())
        #expect(try await store?.claim(limit: 0).isEmpty == true)
        other.advance(by: .seconds(1))
        #expect(try await store?.claim(limit: 1).isEmpty == true)
        #expect(try await store?.job(queued)?.failure?.reason == "deadline-passed")
        #expect(try await store?.job(ended) != nil)
        other.advance(by: .seconds(2_600))
        #expect(try await store?.job(ended) == nil)
    }

    @Test("a time of day that went back while no process ran counts as none that passed")
    func back() async throws {
        let home = try Home()
        let clock = ManualClock()
        var store: SQLiteJobStore? = try home.open(clock: clock) { $0.resultTTL = Self.hour }
        let ended = try #require(try await store?.finish())
        store = nil
        let other = ManualClock(wall: WallTime(milliseconds: 0))
        store = try home.open(clock: other) { $0.resultTTL = Self.hour }
        other.advance(by: .seconds(3_599))
        #expect(try await store?.job(ended) != nil)
        other.advance(by: .seconds(1))
        #expect(try await store?.job(ended) == nil)
        #expect(try await store?.finish(.of(seed: 3)) ?? ended > ended, "new IDs come after the old ones all the same")
    }

    @Test("times at the ends of what can be stored do no harm")
    func extremes() {
        let ends = [Int64.min, -1, 0, 1, .max]
        for written in ends {
            for wall in ends {
                let clock = StoreClock(
                    written: (store: written, wall: wall), latest: 0, wall: WallTime(milliseconds: .max),
                    now: MonotonicTime(nanoseconds: 5))
                for time in ends { _ = clock.read(clock.stored(MonotonicTime(nanoseconds: time))) }
                #expect(clock.stored(MonotonicTime(nanoseconds: 5)) >= 0)
            }
        }
    }
}

@Suite("queue.md 15: the database refuses states that there are not")
struct StateTests {
    @Test(
        "a change to such a state changes nothing",
        arguments: [
            "status = 5", "status = -1", "status = NULL", "status = 1", "status = 2", "status = 3", "status = 4",
            "token = 7", "ended = 7", "finished_at = 7", "output_bytes = 7", "failure_reason = 'x'",
            "status = 1, token = 7", "status = 2, ended = 1, finished_at = 1",
            "status = 2, ended = 1, output_bytes = 1", "status = 3, ended = 1, finished_at = 1",
            "status = 4, ended = 1, finished_at = 1, failure_reason = 'x'",
            "status = 2, ended = 1, finished_at = 1, output_bytes = 1, token = 7",
            "priority = 3", "priority = -1", "parts = 0", "parts_done = 2", "parts_done = -1", "attempt = -1",
            "overdue = 1", "deadline_at = 1", "id = x'00'", "id = NULL", "client = NULL", "input_bytes = -1",
        ])
    func refused(change: String) async throws {
        let home = try Home()
        let store = try home.open()
        let job = try await store.insert(.of())
        let before = try home.tamper { try Row.fetchAll($0, sql: "SELECT * FROM jobs") }
        let error = #expect(throws: DatabaseError.self) {
            try home.tamper { try $0.execute(sql: "UPDATE jobs SET " + change) }
        }
        #expect(error?.resultCode == .SQLITE_CONSTRAINT)
        #expect(try home.tamper { try Row.fetchAll($0, sql: "SELECT * FROM jobs") } == before)
        #expect(try await store.job(job.id) == job)
    }

    @Test(
        "rows beside jobs are checked too",
        arguments: [
            "UPDATE payloads SET form = 4", "UPDATE payloads SET plain = -1", "UPDATE payloads SET floats = 2",
            "UPDATE payloads SET sha256 = x'00'",
            "UPDATE results SET body = NULL", "UPDATE results SET file = 'x'", "UPDATE results SET sha256 = NULL",
            "INSERT INTO clock (one, store, wall) VALUES (2, 1, 1)", "UPDATE callbacks SET tries = -1",
            "UPDATE keys SET jobs = -1",
        ])
    func others(sql: String) async throws {
        let home = try Home()
        let store = try home.open()
        var new = NewJob.of()
        new.callback = "https://example.org"
        _ = try await store.submit(Submission(new, key: IdempotencyKey(client: "a", text: "k", fingerprint: "f")))
        let claimed = try #require(try await store.claim(limit: 1).first)
        _ = try await store.complete(claimed.token, with: .done)
        _ = try await store.insert(.of())
        let error = #expect(throws: DatabaseError.self) { try home.tamper { try $0.execute(sql: sql) } }
        #expect(error?.resultCode == .SQLITE_CONSTRAINT)
        #expect(try await store.differences() == [])
    }
}
