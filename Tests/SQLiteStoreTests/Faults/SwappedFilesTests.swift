import Foundation
import GRDB
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("Files of several state folders, or of several moments of one, put together")
struct SwappedFilesTests {
    private static let names = ["jobs.sqlite", "jobs.sqlite-wal", "witness", "sums"]
    /// All choices of some of them, but none and all.
    private static let choices = (1..<15).map { bits in names.indices.filter { bits >> $0 & 1 == 1 }.map { names[$0] } }

    /// A folder as it was at a moment.
    private struct Moment {
        let home: Home
        let jobs: Set<JobID>
    }

    /// What is in a file, none where there is no file.
    private static func bytes(_ home: Home, _ name: String) -> Data {
        (try? Home.bytes(home.path + "/" + name)) ?? Data()
    }

    /// Whether a file says the same in both.
    private static func isSame(_ name: String, in home: Home, as other: Home) -> Bool {
        guard name == "sums" else { return bytes(home, name) == bytes(other, name) }
        let (mine, its) = (try? PageSums.read(home.path + "/sums"), try? PageSums.read(other.path + "/sums"))
        return mine?.entries == its?.entries
    }

    /// A copy of one folder with some files of another.
    private static func mix(_ base: Moment, _ other: Moment, _ names: [String], isOtherBoot: Bool) throws -> Home {
        let home = try base.home.copy()
        for name in names {
            let (from, to) = (other.home.path + "/" + name, home.path + "/" + name)
            try? FileManager.default.removeItem(atPath: to)
            if FileManager.default.fileExists(atPath: from) {
                try FileManager.default.copyItem(atPath: from, toPath: to)
            }
        }
        if isOtherBoot { try forgetBoot(home) }
        return home
    }

    /// Makes the witness one of before the machine was started.
    private static func forgetBoot(_ home: Home) throws {
        guard case .record(var record, _) = try WitnessFile.read(home.path + "/witness") else { return }
        let file = try WitnessFile(path: home.path + "/witness", from: .damaged(reason: ""))
        record.boot = Array("another".utf8) + [UInt8](repeating: 0, count: 29)
        for _ in 0..<2 {
            record.number += 1
            #expect(file.write(record) == nil)
        }
        file.close()
    }

    /// Moments of one folder: killed and ended, with logs of several generations.
    private static func moments() async throws -> [Moment] {
        let home = try Home()
        var jobs: Set<JobID> = []
        var moments: [Moment] = []
        func add(_ count: Int, to store: SQLiteJobStore, _ seed: UInt64) async throws {
            for number in 0..<count {
                jobs.insert(try await store.insert(.of(floats: 1_500, seed: seed + UInt64(number))).id)
            }
        }
        func keep() throws { moments.append(Moment(home: try home.copy(), jobs: jobs)) }
        for life in UInt64(1)...2 {
            let store = try home.open(seed: life) { $0.durability = .full }
            try await add(1, to: store, life * 1_000)
            try keep()
            try await add(6, to: store, life * 1_000 + 100)
            store.database.checkpointAll()
            try await add(1, to: store, life * 1_000 + 200)
            try keep()
            store.close()
            try keep()
        }
        return moments
    }

    /// What came of a folder: nil where it was refused by name, and otherwise what of the jobs is not there.
    private static func lacking(_ home: Home, _ expected: Set<JobID>) async throws -> [String]? {
        let report = try? FolderReport(of: home.path)
        let opened: Result<SQLiteJobStore, any Error> = Result { try home.open(seed: 9) { $0.durability = .full } }
        switch opened {
        case .failure(let error):
            guard case .damaged? = error as? StateError else { return ["refused as \(error)"] }
            return report?.isWhole == false ? nil : ["refused, and whole to the check"]
        case .success(let store):
            defer { store.close() }
            var faults = report?.isWhole == true ? [] : ["opened, and damaged to the check: \(report?.damages ?? [])"]
            let found = Set((try? await store.list(JobFilter(), limit: 1_000, before: nil))?.map(\.id) ?? [])
            if !found.isSuperset(of: expected) { faults.append("\(expected.subtracting(found).count) jobs are gone") }
            let check = try? store.database.readNow { try String.fetchOne($0, sql: "PRAGMA integrity_check(1)") }
            if check != "ok" { faults.append("the database is \(check ?? "unreadable")") }
            return faults
        }
    }

    @Test("files of older copies of the folder: refused, or all is there", arguments: [false, true])
    func olderCopies(isOtherBoot: Bool) async throws {
        let moments = try await Self.moments()
        var faults: [String] = []
        for newer in moments.indices {
            for older in 0..<newer {
                for choice in Self.choices {
                    let home = try Self.mix(moments[newer], moments[older], choice, isOtherBoot: false)
                    defer { try? FileManager.default.removeItem(atPath: home.path) }
                    // Where the files are all those of the older copy, that is what was put back.
                    if Self.names.allSatisfy({ Self.isSame($0, in: home, as: moments[older].home) }) { continue }
                    // With the machine all that the witness was told since may be gone; else the last transaction, which a
                    // kill can come before the note of.
                    if isOtherBoot || older + 1 == newer, choice == ["jobs.sqlite-wal", "witness"] { continue }
                    if isOtherBoot { try Self.forgetBoot(home) }
                    let found = try await Self.lacking(home, moments[newer].jobs) ?? []
                    if !found.isEmpty { faults.append("\(choice) of \(older) in \(newer): \(found)") }
                }
            }
        }
        #expect(faults == [])
    }

    @Test("files of another folder are refused", arguments: [false, true])
    func otherFolders(isOtherBoot: Bool) async throws {
        let (one, two) = (try await Self.moments(), try await Self.moments())
        var faults: [String] = []
        for (mine, yours) in [(2, 5), (5, 2), (1, 4), (4, 1), (0, 5), (5, 5), (4, 4)] {
            for choice in Self.choices {
                let home = try Self.mix(one[mine], two[yours], choice, isOtherBoot: isOtherBoot)
                defer { try? FileManager.default.removeItem(atPath: home.path) }
                let bound = choice.filter { $0 != "jobs.sqlite-wal" }.count
                let owner = bound == 3 ? two[yours] : one[mine]
                guard let found = try await Self.lacking(home, owner.jobs) else { continue }
                if !(0...3 ~= bound && bound % 3 == 0) {
                    faults.append("\(choice) of \(yours) in \(mine) is opened")
                } else if !found.isEmpty {
                    faults.append("\(choice) of \(yours) in \(mine): \(found)")
                }
            }
        }
        #expect(faults == [])
    }
}
