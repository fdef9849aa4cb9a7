import Dispatch
import Formats
import Foundation
import Jobs
import Platform
import Synchronization
import TestSupport
import Testing

@testable import SQLiteStore

/// What is done to the folder of a store that has it open.
enum FolderChange: String, CaseIterable, Sendable {
    case removed, madeAnew, movedAway, databaseRemoved, databaseReplaced, databaseTruncated
    case logRemoved, logTruncated, indexRemoved, witnessTruncated, sumsTruncated, filesRemoved, filesReplaced,
        lockRemoved, lockReplaced

    func make(to home: Home) throws {
        let files = FileManager.default
        let path = home.path
        func remove(_ name: String) throws { try files.removeItem(atPath: path + name) }
        func replace(_ name: String) throws {
            let bytes = try Home.bytes(path + name)
            try remove(name)
            try bytes.write(to: URL(fileURLWithPath: path + name))
        }
        switch self {
        case .removed: try remove("")
        case .madeAnew:
            try remove("")
            try files.createDirectory(atPath: path + "/files", withIntermediateDirectories: true)
        case .movedAway: try files.moveItem(atPath: path, toPath: path + ".old")
        case .databaseRemoved: try remove("/jobs.sqlite")
        case .databaseReplaced: try replace("/jobs.sqlite")
        case .databaseTruncated: #expect(truncate(home.database, 0) == 0)
        case .logRemoved: try remove("/jobs.sqlite-wal")
        case .logTruncated: #expect(truncate(home.database + "-wal", 0) == 0)
        case .indexRemoved: try remove("/jobs.sqlite-shm")
        case .witnessTruncated: #expect(truncate(path + "/witness", 100) == 0)
        case .sumsTruncated: #expect(truncate(path + "/sums", 8) == 0)
        case .filesRemoved: try remove("/files")
        case .filesReplaced:
            try remove("/files")
            try files.createDirectory(atPath: path + "/files", withIntermediateDirectories: false)
        case .lockRemoved: try remove("/lock")
        case .lockReplaced: try replace("/lock")
        }
    }
}

@Suite("a folder that others change while a store has it open")
struct ReplacedFolderTests {
    @Test("nothing is accepted in it any more, and the store says why", arguments: FolderChange.allCases)
    func refused(change: FolderChange) async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.insert(.of())
        try await store.checkWritable()
        try change.make(to: home)
        // Within a second nothing is accepted any more, on a machine that has no other work.
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end, (try? await store.insert(.of(seed: 3))) != nil {}
        for _ in 0..<2 {
            let error = await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 2)) }
            guard case .unavailable(let reason) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reason.contains("while the service ran") && reason.contains(home.path), "\(reason)")
            await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
            await #expect(throws: JobStoreError.self) { try await store.checkTakes() }
        }
    }

    @Test("a submission hears of it before its body is read, a moment later", arguments: FolderChange.allCases)
    func toldToSubmissions(change: FolderChange) async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.insert(.of())
        try await store.checkTakes()
        try change.make(to: home)
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end, (try? await store.checkTakes()) != nil {}
        await #expect(throws: JobStoreError.self) { try await store.checkTakes() }
    }

    @Test("a log that was cut short or removed is seen by the next transaction", arguments: [true, false])
    func log(isRemoved: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...3 {
            _ = try await store.insert(.of(seed: UInt64(seed)))
            // What it looks at all files for is done for a while.
            try await store.checkWritable()
        }
        try (isRemoved ? FolderChange.logRemoved : .logTruncated).make(to: home)
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 4)) }
    }

    @Test("a folder of bodies in which nothing can be written is told to submissions too")
    func files() async throws {
        let home = try Home()
        let store = try home.open()
        try await store.checkTakes()
        let probe = home.path + "/files/.probe"
        try FileManager.default.createDirectory(atPath: probe, withIntermediateDirectories: false)
        let end = ContinuousClock.now + .seconds(120)
        while ContinuousClock.now < end, (try? await store.checkTakes()) != nil { await Task.yield() }
        await #expect(throws: JobStoreError.self) { try await store.checkTakes() }
        try FileManager.default.removeItem(atPath: probe)
        while ContinuousClock.now < end, (try? await store.checkTakes()) == nil { await Task.yield() }
        try await store.checkTakes()
    }

    @Test("a log that is overwritten in place is not brought in, and no more is taken")
    func logOverwritten() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...3 { _ = try await store.insert(.of(floats: 500, seed: UInt64(seed))) }
        let bytes = try Home.bytes(home.database + "-wal")
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: home.database + "-wal"))
        try file.seek(toOffset: UInt64(bytes.count - 4_000))
        try file.write(contentsOf: [bytes[bytes.count - 4_000] ^ 1])
        try file.close()
        let before = try Home.bytes(home.database)
        store.database.checkpointAll()
        #expect(try Home.bytes(home.database) == before)
        let error = await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
        #expect(error?.description.contains("jobs.sqlite-wal was overwritten while the service ran") == true)
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 9)) }
        #expect(store.close()?.contains("was overwritten") == true)
        #expect(throws: StateError.self) { try home.open() }
    }

    @Test("a log that is cut to nothing while nobody writes is told by the periodic look")
    func idle() async throws {
        let home = try Home()
        let notes = Notes()
        let store = try home.open(logger: notes.logger())
        _ = try await store.insert(.of())
        try FolderChange.logTruncated.make(to: home)
        for _ in 0..<2 { await #expect(throws: JobStoreError.self) { try await store.checkWritable() } }
        for _ in 0..<3 { _ = try? await store.expire() }
        let lines = notes.all.filter { $0.contains("jobs.sqlite-wal was truncated while the service ran") }
        #expect(lines.count == 1, "\(notes.all)")
        #expect(store.close() != nil)
    }

    @Test("a log that somebody else has brought in and emptied is no change")
    func emptiedByOthers() async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.insert(.of()).id
        try home.tamper { _ = try $0.checkpoint(.truncate) }
        #expect(try Home.bytes(home.database + "-wal").isEmpty)
        for _ in 0..<2 { try await store.checkWritable() }
        #expect(try await store.insert(.of(seed: 2)).status == .queued)
        try await store.checkWritable()
        #expect(try await store.job(id) != nil)
    }

    @Test("a log that was cut short between a look and a commit is told at the end")
    func cutInTheMidst() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...3 { _ = try await store.insert(.of(floats: 4_000, seed: UInt64(seed))) }
        try FolderChange.logTruncated.make(to: home)
        // Behind the hole, as a writer does that looked a moment before.
        #expect(throws: StoreFault.self) {
            try store.database.write { try $0.execute(sql: "UPDATE clock SET wall = wall + 1") }
        }
        await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 4)) }
        #expect(store.close() != nil)
    }

    @Test("a log that became shorter is told to who asks whether the store can be written to")
    func shorter() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...3 { _ = try await store.insert(.of(seed: UInt64(seed))) }
        try await store.checkWritable()
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: home.database + "-wal"))
        try file.truncate(atOffset: try file.seekToEnd() - 1)
        try file.close()
        for _ in 0..<2 { await #expect(throws: JobStoreError.self) { try await store.checkWritable() } }
        await #expect(throws: JobStoreError.self) { try await store.insert(.of(seed: 4)) }
        await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
    }

    @Test("readiness looks at the folder on a thread of the store's", .timeLimit(.minutes(10)))
    func looks() async throws {
        let store = try Home().open()
        let semaphore = DispatchSemaphore(value: 0)
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let busy = Task {
            try await store.looks.run { () throws(JobStoreError) in
                arrival.yield()
                semaphore.wait()
            }
        }
        for await _ in arrivals { break }
        let ready = Task { try await store.checkWritable() }
        while store.looks.waiting == 0 { await Task.yield() }
        semaphore.signal()
        try await busy.value
        try await ready.value
    }

    @Test("a submission asks for the room on the disk on that thread too", .timeLimit(.minutes(10)))
    func room() async throws {
        // Nobody has asked the disk yet, so that it is not known to have plenty.
        let store = try Home().open()
        let semaphore = DispatchSemaphore(value: 0)
        let (arrivals, arrival) = AsyncStream.makeStream(of: Void.self)
        let busy = Task {
            try await store.looks.run { () throws(JobStoreError) in
                arrival.yield()
                semaphore.wait()
            }
        }
        for await _ in arrivals { break }
        let isDone = Mutex(false)
        let submitting = Task {
            defer { isDone.withLock { $0 = true } }
            return try await store.insert(.of())
        }
        while store.looks.waiting == 0, !isDone.withLock(\.self) { await Task.yield() }
        #expect(store.looks.waiting == 1)
        semaphore.signal()
        try await busy.value
        #expect(try await submitting.value.status == .queued)
    }

    @Test("a folder that goes away is told in the log at once, with what to do, and so is its coming back")
    func told() async throws {
        let home = try Home()
        let notes = Notes()
        let store = try home.open(logger: notes.logger())
        try FolderChange.movedAway.make(to: home)
        for _ in 0..<3 { _ = try? await store.expire() }
        let lines = notes.all.filter { $0.contains(home.path) && $0.contains("was removed while the service ran") }
        #expect(lines.count == 1 && lines.allSatisfy { $0.contains("remedy=") }, "\(notes.all)")
        try FileManager.default.moveItem(atPath: home.path + ".old", toPath: home.path)
        for _ in 0..<3 { _ = try? await store.expire() }
        #expect(notes.all.filter { $0.contains("again") && $0.contains(home.path) }.count == 1, "\(notes.all)")
    }

    @Test("a folder that is moved away and back is the same")
    func back() async throws {
        let home = try Home()
        let store = try home.open()
        try FolderChange.movedAway.make(to: home)
        await #expect(throws: JobStoreError.self) { try await store.checkWritable() }
        await #expect(throws: JobStoreError.self) { try await store.insert(.of()) }
        try FileManager.default.moveItem(atPath: home.path + ".old", toPath: home.path)
        #expect(try await store.insert(.of()).status == .queued)
        try await store.checkWritable()
    }

    @Test("while it goes away and comes back again and again, each job that was accepted comes to its end")
    func flickering() async throws {
        let home = try Home()
        let store = try home.open(clock: SystemClock())
        let mover = Task.detached {
            while !Task.isCancelled {
                for (from, to) in [("/lock", "/away"), ("/away", "/lock")] {
                    try FileManager.default.moveItem(atPath: home.path + from, toPath: home.path + to)
                    let end = ContinuousClock.now + .milliseconds(110)
                    while ContinuousClock.now < end { await Task.yield() }
                }
            }
        }
        var accepted: Set<JobID> = []
        var ended: Set<JobID> = []
        var held: [ClaimToken] = []
        let end = ContinuousClock.now + .seconds(2)
        for seed in UInt64(1)... {
            if ContinuousClock.now > (accepted.count > 3 ? end : end + .seconds(120)) { break }
            if let job = try? await store.insert(.of(seed: seed)) { accepted.insert(job.id) }
            held += ((try? await store.claim(limit: 3)) ?? []).map(\.token)
            for token in held where (try? await store.complete(token, with: .done)) != nil { ended.insert(token.job) }
            held.removeAll { ended.contains($0.job) }
        }
        mover.cancel()
        _ = await mover.result
        while let claimed = try? await store.claim(limit: 100), !claimed.isEmpty { held += claimed.map(\.token) }
        for token in held where try await store.complete(token, with: .done) != nil { ended.insert(token.job) }
        #expect(accepted.count > 3 && accepted.isSubset(of: ended))
        #expect(try await store.counts().running == 0)
    }

    @Test("the end of a store that has lost its folder touches nothing of who has the path now")
    func end() async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.insert(.of())
        try FileManager.default.removeItem(atPath: home.path)
        let other = try home.open(seed: 2)
        let accepted = try await other.insert(.of(seed: 3)).id
        store.close()
        #expect(try await other.job(accepted) != nil)
        let next = try await other.insert(.of(seed: 4)).id
        // As it would be found if the other were killed now.
        let found = try home.copy().open(seed: 5)
        #expect(try await found.job(accepted) != nil)
        #expect(try await found.job(next) != nil)
    }

    @Test("a folder whose lock was removed admits no second store")
    func second() async throws {
        let home = try Home()
        let store = try home.open()
        try FolderChange.lockRemoved.make(to: home)
        let error = #expect(throws: StateError.self) { try home.open(seed: 2) }
        guard case .inUse = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        withExtendedLifetime(store) {}
    }

    @Test("a sweep spares what is younger than the lock")
    func sweep() throws {
        let home = try Home()
        do { _ = try home.open() }
        let files = BodyFiles(folder: home.path + "/files")
        let folder = try StateFolder(home.path)
        for name in ["old", "young"] {
            try Data([1]).write(to: URL(fileURLWithPath: files.path(name)))
        }
        for (name, second) in [("old", -10), ("young", 10)] {
            let moment = timespec(tv_sec: Int(folder.lockedAt.nanoseconds / 1_000_000_000) + second, tv_nsec: 0)
            var times = [moment, moment]
            #expect(utimensat(AT_FDCWD, files.path(name), &times, 0) == 0)
        }
        #expect(Strays(places: folder.places).setAside(keeping: [], writtenBefore: folder.lockedAt) == 1)
        #expect(try home.bodies() == ["young"])
    }

    @Test("an owner's own checkpoints, large logs and reading by others are no change")
    func ownWriting() async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 0..<40 {
            _ = try await store.finish(.of(floats: 20_000, seed: UInt64(seed)), with: .output(60_000))
            if seed % 8 == 0 {
                try await store.writer.commit { _ in }
                store.database.checkpointAll()
            }
            try await store.checkWritable()
        }
        let jobs = try home.tamper { try Int.fetchOne($0, sql: "SELECT count(*) FROM jobs") }
        #expect(jobs == 40)
        #expect(try await store.insert(.of()).status == .queued)
    }
}

@Suite("readiness says what a large upload would meet")
struct FilesProbeTests {
    @Test("a folder of bodies in which no file can be made is told, and leaves nothing behind")
    func probe() async throws {
        let home = try Home()
        let files = BodyFiles(folder: home.path)
        try await FilesProbe(files: files).check()
        #expect(try FileManager.default.contentsOfDirectory(atPath: home.path) == [])
        await #expect(throws: JobStoreError.self) {
            try await FilesProbe(files: BodyFiles(folder: home.path + "/none")).check()
        }
        // A folder in the place of the file that is tried.
        try FileManager.default.createDirectory(atPath: home.path + "/.probe", withIntermediateDirectories: false)
        await #expect(throws: JobStoreError.self) { try await FilesProbe(files: files).check() }
    }
}
