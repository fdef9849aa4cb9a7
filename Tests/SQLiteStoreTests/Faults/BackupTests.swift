import Foundation
import Jobs
import Platform
import Synchronization
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A backup of a state folder")
struct BackupTests {
    private static func target() throws -> String { try Home().path + "/copy" }

    @Test("of a folder that no process has is whole, sealed by a witness of its own, and a server begins with it")
    func closed() async throws {
        let accepted = try await Accepted(isClosed: false)
        let before = try accepted.contents()
        let path = try Self.target()
        let backup = try FolderBackup(of: accepted.home.path, into: path)
        #expect(try accepted.contents() == before, "the folder is left as it was")
        #expect(backup.isWhole && backup.jobs == 12 && backup.passing == 0 && !backup.wasInUse)
        #expect(try FolderReport(of: path).notes == [])
        let places = StatePlaces(folder: path)
        guard case .record(let record, _) = try WitnessFile.read(places.witness) else {
            Issue.record("no witness")
            return
        }
        let head = try PageSums.read(places.sums).head
        #expect(record.isClosed && record.sequence > 0 && record.identity == head?.identity)
        #expect(try FolderSummary(of: path).backup?.folder == accepted.home.path)
        let store = try SQLiteJobStore(folder: StateFolder(path), clock: ManualClock(), random: SeededRandom(seed: 3))
        #expect(try await store.list(JobFilter(), limit: 99, before: nil).count == 12)
        #expect(try FolderSummary(of: path).backup == nil, "it is a server's now")
        store.close()
    }

    /// Looks at the folder of the copy when it is asked for the time, which is before anything is copied.
    private struct LookingClock: JobClock {
        let look: @Sendable () -> Void
        var now: MonotonicTime { .now }
        var wall: WallTime {
            look()
            return WallTime(milliseconds: 0)
        }
        func sleep(until deadline: MonotonicTime) async throws {}
    }

    @Test("whose process has ended before it is whole is taken for no folder of jobs, new or old")
    func killed() async throws {
        let accepted = try await Accepted(isClosed: true)
        let path = try Self.target()
        let seen = Mutex<[String]>([])
        let looking = LookingClock { [path] in
            seen.withLock { $0 += (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
            // What is left where it ends here.
            #expect(throws: StateError.self) { try SQLiteJobStore(folder: StateFolder(path), clock: ManualClock()) }
            unlink(path + "/lock")
        }
        _ = try FolderBackup(of: accepted.home.path, into: path, clock: looking)
        #expect(seen.withLock { $0 } == ["unfinished"])
        #expect(try FolderReport(of: path).isWhole)
        #expect(try !FileManager.default.contentsOfDirectory(atPath: path).contains("unfinished"))
        try Data().write(to: URL(filePath: path + "/unfinished"))
        let error = #expect(throws: StateError.self) { try SQLiteJobStore(folder: StateFolder(path)) }
        #expect(error?.description.contains("did not come to its end") == true)
        #expect(try !FolderReport(of: path).isWhole)
    }

    @Test(
        "that root makes is of the folder's own user and group, with all in it",
        .enabled(if: geteuid() == 0, "needs root"))
    func owner() async throws {
        let accepted = try await Accepted(isClosed: true)
        let folder = accepted.home.path
        let all = try FileManager.default.subpathsOfDirectory(atPath: folder).map { folder + "/" + $0 } + [folder]
        for path in all { #expect(chown(path, 4_711, 4_712) == 0) }
        let path = try Self.target()
        #expect(try FolderBackup(of: folder, into: path).keepsOwner)
        let made = try FileManager.default.subpathsOfDirectory(atPath: path).map { path + "/" + $0 } + [path]
        #expect(made.count > 5)
        for path in made {
            var status = stat()
            #expect(lstat(path, &status) == 0 && status.st_uid == 4_711 && status.st_gid == 4_712, "\(path)")
        }
    }

    @Test("a folder that may not be read is told with what to do")
    func permission() {
        let text = StateError.unusable(path: "/backup", reason: "Permission denied").description
        #expect(
            text.contains("/backup: Permission denied: it and all in it have to belong") && text.contains("chown -R"))
    }

    @Test("that is damaged afterwards is refused", arguments: ["jobs.sqlite", "sums"])
    func damagedLater(name: String) async throws {
        let accepted = try await Accepted(isClosed: true)
        let path = try Self.target()
        _ = try FolderBackup(of: accepted.home.path, into: path)
        try Home.flip(path + "/" + name, at: name == "sums" ? 40 : 20_000)
        #expect(throws: StateError.self) { try SQLiteJobStore(folder: StateFolder(path)) }
        #expect(try !FolderReport(of: path).isWhole)
    }

    @Test("of a damaged folder is none; a body that is damaged is told by its job")
    func damagedBefore() async throws {
        let accepted = try await Accepted(isClosed: true)
        let name = try #require(try accepted.home.bodies().first { $0.hasSuffix(".in") })
        try Home.flip(accepted.home.path + "/files/" + name, at: 99)
        let backup = try FolderBackup(of: accepted.home.path, into: Self.target())
        #expect(backup.damages.count == 1 && backup.damages[0].contains(name))
        try Home.flip(accepted.home.database, at: 20_000)
        let path = try Self.target()
        #expect(throws: StateError.self) { try FolderBackup(of: accepted.home.path, into: path) }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("of a folder that lacks a body tells of it by its job, which stays", arguments: [true, false])
    func lacking(isInUse: Bool) async throws {
        let home = try Home()
        let store = try home.open()
        let id = try await store.insert(.large).id
        if !isInUse { store.close() }
        let name = BodyFiles.inputName(id)
        try FileManager.default.removeItem(atPath: home.path + "/files/" + name)
        let left = isInUse ? home : try home.copy()
        let backup = try FolderBackup(of: left.path, into: Self.target())
        #expect(backup.wasInUse == isInUse && backup.passing == 0 && backup.jobs == 1)
        #expect(backup.damages.count == 1 && backup.damages.first?.contains(name) == true)
        store.close()
    }

    @Test("into a folder that is there and not empty is refused, and that is left as it is")
    func taken() async throws {
        let accepted = try await Accepted(isClosed: true)
        let other = try Home()
        try Data("x".utf8).write(to: URL(filePath: other.path + "/x"))
        #expect(throws: StateError.self) { try FolderBackup(of: accepted.home.path, into: other.path) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: other.path) == ["x"])
        let none = try Home().path
        #expect(throws: StateError.self) { try FolderBackup(of: none, into: none + "/copy") }
    }

    @Test(
        "within the folder that it is of is refused, by whatever way it is named, and nothing is made there",
        arguments: ["", "/copy", "/files/copy", "/files/../a/copy", "/link/copy"])
    func within(place: String) async throws {
        let accepted = try await Accepted(isClosed: true)
        let path = accepted.home.path
        if place.hasPrefix("/link") {
            try FileManager.default.createSymbolicLink(atPath: path + "/link", withDestinationPath: path)
        }
        let before = try FileManager.default.subpathsOfDirectory(atPath: path).sorted()
        let error = #expect(throws: StateError.self) { try FolderBackup(of: path, into: path + place) }
        #expect(error?.description.contains("within the state folder") == true, "\(error as Any)")
        #expect(throws: StateError.self) { try FolderRecovery(of: path, into: path + place) }
        #expect(try FileManager.default.subpathsOfDirectory(atPath: path).sorted() == before)
    }

    @Test(
        "has all that was accepted before it began, whole, while jobs come, end and go", arguments: [1, 2] as [UInt64])
    func running(seed: UInt64) async throws {
        let home = try Home()
        let store = try home.open { $0.cacheBytes = 1 << 20 }
        // A page and a file each, in all states.
        var before: [JobID: JobStatus] = [:]
        for number in 0..<8 {
            let id = try await store.insert(.of(floats: number % 2 == 0 ? 40_000 : 16, seed: UInt64(number))).id
            before[id] = .queued
        }
        for claimed in try await store.claim(limit: 4).prefix(3) {
            before[claimed.id] = .succeeded
            _ = try await store.complete(claimed.token, with: .output(150_000))
        }
        let over = Switch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for task in 0..<3 {
                group.addTask {
                    var turn = seed << 16 | UInt64(task) << 8
                    while !over.isOn.load(ordering: .acquiring) {
                        turn += 1
                        let id = try await store.insert(.of(floats: turn % 2 == 0 ? 40_000 : 16, seed: turn)).id
                        guard turn % 3 != 0, case .cancelled = try await store.cancel(id) else { continue }
                        _ = try await store.forget(id)
                    }
                }
            }
            for _ in 0..<3 {
                let path = try Self.target()
                let backup = try FolderBackup(of: home.path, into: path)
                #expect(backup.isWhole && backup.wasInUse, "\(backup.damages)")
                #expect(try FolderReport(of: path).isWhole)
                let copy = try SQLiteJobStore(
                    folder: StateFolder(path), clock: ManualClock(), random: SeededRandom(seed: 9))
                for (id, status) in before {
                    let job = try await copy.job(id)
                    #expect(job?.status == status && (status.isEnded || job?.attempt == 0))
                    if status == .succeeded { #expect(try await copy.output(id)?.body.count == 150_000) }
                }
                #expect(try await copy.differences() == [])
                copy.close()
            }
            over.isOn.store(true, ordering: .releasing)
            try await group.waitForAll()
        }
        #expect(try await store.differences() == [])
        #expect(store.close() == nil, "the folder was left alone")
    }

    @Test("is told of by what it was made of, and a folder in use by its process")
    func summaries() async throws {
        let home = try Home()
        let store = try home.open()
        _ = try await store.finish()
        let summary = try FolderSummary(of: home.path)
        #expect(summary.server == Int(ProcessInfo.processInfo.processIdentifier))
        #expect(summary.jobs == ["succeeded": 1] && summary.backup == nil && summary.bytes > 0)
        store.close()
        #expect(try FolderSummary(of: home.copy().path).server == nil)
        let none = try Home().path
        #expect(throws: StateError.self) { try FolderSummary(of: none) }
    }
}

/// On once, and seen by all.
private final class Switch: Sendable {
    let isOn = Atomic(false)
}
