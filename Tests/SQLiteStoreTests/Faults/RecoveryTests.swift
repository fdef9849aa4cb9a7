import Foundation
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("What can be had of a damaged folder")
struct RecoveryTests {
    private static func recover(_ home: Home) async throws -> (FolderRecovery, jobs: Int) {
        let before = try home.everything()
        let target = try Home()
        let recovery = try FolderRecovery(of: home.path, into: target.path + "/new")
        #expect(try home.everything() == before, "the damaged one is left as it was")
        let store = try SQLiteJobStore(
            folder: StateFolder(target.path + "/new"), clock: ManualClock(), random: SeededRandom(seed: 3))
        let jobs = try await store.list(JobFilter(), limit: 1_000, before: nil).count
        #expect(try await store.insert(.of(seed: 99)).status == .queued)
        store.close()
        return (recovery, jobs)
    }

    @Test("a bit of the database's head costs no job")
    func head() async throws {
        let accepted = try await Accepted(isClosed: true)
        let whole = try Home.bytes(accepted.home.database)
        for place in 0..<100 {
            var bytes = whole
            bytes[place] ^= UInt8(1 << (place % 8))
            try bytes.write(to: URL(fileURLWithPath: accepted.home.database))
            let (recovery, jobs) = try await Self.recover(accepted.home)
            #expect(jobs == 12, "byte \(place): \(recovery.losses)")
        }
    }

    @Test("a folder without jobs is none, and nothing is made of it")
    func empty() throws {
        let home = try Home()
        let target = home.path + "/new"
        #expect(throws: StateError.self) { try FolderReport(of: home.path) }
        #expect(throws: StateError.self) { try FolderRecovery(of: home.path, into: target) }
        #expect(!FileManager.default.fileExists(atPath: target))
    }

    @Test("a whole folder is checked as whole, and copied whole", arguments: [true, false])
    func whole(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        let report = try FolderReport(of: accepted.home.path)
        #expect(report.isWhole && report.jobs.values.reduce(0, +) == 12)
        let (recovery, jobs) = try await Self.recover(accepted.home)
        #expect(recovery.isWhole && recovery.losses == [] && jobs == 12)
    }

    @Test("a flipped bit of the log costs at most what it hit", arguments: [3, 18, 30, 8_000, 40_000, 200_000])
    func log(place: Int) async throws {
        let accepted = try await Accepted(isClosed: false)
        try Home.flip(accepted.home.database + "-wal", at: place)
        let report = try FolderReport(of: accepted.home.path)
        #expect(report.damages.first?.path == accepted.home.database + "-wal")
        let (recovery, jobs) = try await Self.recover(accepted.home)
        // The head of the log is known beside it.
        #expect(recovery.isWhole == (place < 32), "\(recovery.losses)")
        #expect(jobs >= (place < 32 ? 12 : 10), "\(recovery.losses)")
    }

    @Test("pages of the database that are gone cost their rows alone")
    func pages() async throws {
        let accepted = try await Accepted(isClosed: true)
        let bytes = try Home.bytes(accepted.home.database)
        for page in stride(from: 3, to: bytes.count / 8_192, by: 4) {
            var spoilt = bytes
            spoilt.replaceSubrange(page * 8_192..<(page + 1) * 8_192, with: Data(repeating: 0, count: 8_192))
            try spoilt.write(to: URL(fileURLWithPath: accepted.home.database))
            #expect(try FolderReport(of: accepted.home.path).damages.first?.path == accepted.home.database)
            let (recovery, _) = try await Self.recover(accepted.home)
            #expect(!recovery.isWhole)
        }
    }

    @Test("a body that is not what was stored is told by its job")
    func bodies() async throws {
        let accepted = try await Accepted(isClosed: true)
        let name = try #require(try accepted.home.bodies().first { $0.hasSuffix(".in") })
        try Home.flip(accepted.home.path + "/files/" + name, at: 99)
        let report = try FolderReport(of: accepted.home.path)
        #expect(report.damages.map(\.job) == [String(name.dropLast(3))])
        let (recovery, jobs) = try await Self.recover(accepted.home)
        #expect(recovery.losses.count == 1 && jobs == 12)
    }

    @Test("where nothing was lost nothing is told as lost", arguments: ["witness", "sums", "head", "log's head"])
    func unharmed(what: String) async throws {
        let accepted = try await Accepted(isClosed: false)
        switch what {
        case "head": try Home.flip(accepted.home.database, at: 18)
        case "log's head": try Home.flip(accepted.home.database + "-wal", at: 3)
        default: try FileManager.default.removeItem(atPath: accepted.home.path + "/" + what)
        }
        // The log has a newer first page, which is the one that counts.
        #expect(try FolderReport(of: accepted.home.path).isWhole == (what == "head"))
        let (recovery, jobs) = try await Self.recover(accepted.home)
        #expect(recovery.isWhole && recovery.losses == [] && jobs == 12, "\(recovery.losses)")
    }

    @Test("without the database there is what its log has, and what is lost is named", arguments: [true, false])
    func withoutDatabase(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        try FileManager.default.removeItem(atPath: accepted.home.database)
        let (recovery, jobs) = try await Self.recover(accepted.home)
        #expect(!recovery.isWhole && recovery.losses.contains { $0.contains("jobs.sqlite") }, "\(recovery.losses)")
        if isClosed {
            #expect(jobs == 0)
            for name in try accepted.home.bodies() {
                let job = name.prefix { $0 != "." }
                #expect(recovery.losses.contains { $0.contains(job) }, "\(name) of \(recovery.losses)")
            }
        } else {
            #expect(jobs > 0, "\(recovery.losses)")
        }
    }

    @Test("a folder in use, none, and one that is there are refused")
    func refused() async throws {
        let home = try Home()
        let store = try home.open()
        #expect(throws: StateError.self) { try FolderReport(of: home.path) }
        #expect(throws: StateError.self) { try FolderReport(of: home.path + "/none") }
        store.close()
        #expect(throws: StateError.self) { try FolderRecovery(of: home.path, into: home.path + "/files/..") }
    }
}

extension Home {
    /// Every file's bytes, but what SQLite makes to read.
    fileprivate func everything() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) where !name.hasSuffix("-shm") {
            contents[name] = try? Home.bytes(path + "/" + name)
        }
        return contents
    }
}
