import Foundation
import GRDB
import Jobs
import Platform
import Testing

@testable import SQLiteStore

@Suite("A damaged database is refused, and left as it is")
struct DamageTests {
    /// A closed store with a few jobs, and how to spoil it.
    private static func spoiled(_ spoil: (Home) throws -> Void) async throws -> Home {
        let home = try Home()
        var store: SQLiteJobStore? = try home.open()
        for seed in 1...60 { _ = try await store?.insert(.of(floats: 1_000, seed: UInt64(seed))) }
        store = nil
        try spoil(home)
        return home
    }

    private static func overwrite(_ path: String, from place: Int, count: Int) throws {
        var bytes = try Home.bytes(path)
        bytes.replaceSubrange(place..<place + count, with: Data(repeating: 0xA5, count: count))
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    /// All files but the lock, and what SQLite makes for itself of what stands in the others.
    private static func contents(_ home: Home) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: home.path) {
            let path = home.path + "/" + name
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue,
                name != "lock", !name.hasSuffix("-shm")
            else { continue }
            let bytes = try Home.bytes(path)
            // Reading a database makes a log that is empty.
            if !(name.hasSuffix("-wal") && bytes.isEmpty) { contents[name] = bytes }
        }
        return contents
    }

    private static func expectRefused(_ home: Home, _ comment: Comment) throws {
        let before = try contents(home)
        for _ in 0..<2 {
            let error = #expect(throws: StateError.self, comment) { try home.open() }
            guard case .damaged(home.database, _) = error else {
                Issue.record("\(comment): \(String(describing: error))")
                return
            }
        }
        #expect(try contents(home) == before, comment)
    }

    @Test(
        "overwritten at its beginning, in its schema, in a page in the middle",
        arguments: [(0, 16), (100, 200), (8_192 * 9, 8_192)])
    func overwritten(place: Int, count: Int) async throws {
        let home = try await Self.spoiled { try Self.overwrite($0.database, from: place, count: count) }
        try Self.expectRefused(home, "\(count) bytes at \(place)")
    }

    @Test("cut short, by half, to a head, to nothing", arguments: [-1, 10, 100, 8_192, 0])
    func truncated(bytes: Int) async throws {
        let home = try await Self.spoiled { home in
            let all = try Home.bytes(home.database)
            let count = bytes < 0 ? all.count / 2 / 8_192 * 8_192 : bytes
            try all.prefix(count).write(to: URL(fileURLWithPath: home.database))
        }
        try Self.expectRefused(home, "\(bytes) bytes")
    }

    @Test("with a log beside it, which stays too", arguments: [0, 8_192 * 9])
    func withLog(place: Int) async throws {
        let home = try Home()
        let store = try home.open()
        for seed in 1...60 { _ = try await store.insert(.of(floats: 1_000, seed: UInt64(seed))) }
        store.database.checkpointAll()
        _ = try await store.insert(.of(seed: 99))
        let copy = try home.copy()
        #expect(try Home.bytes(copy.database + "-wal").count > 0)
        try Self.overwrite(copy.database, from: place, count: 4_096)
        try Self.expectRefused(copy, "\(place)")
        try FileManager.default.removeItem(atPath: copy.database)
        try Self.expectRefused(copy, "the log without its database")
        try Data().write(to: URL(fileURLWithPath: copy.database))
        try Self.expectRefused(copy, "the log with an empty database")
    }

    @Test(
        "a file that its disk can't give is refused by its name, and the process lives",
        arguments: ["jobs.sqlite", "jobs.sqlite-wal", "witness", "sums"])
    func sector(name: String) async throws {
        let accepted = try await Accepted(isClosed: false)
        let places = StatePlaces(folder: accepted.home.path)
        _ = try FolderCheck(places).run()
        let check = FolderCheck(places) { descriptor, buffer, count, place in
            // Which file it is, the kernel knows.
            let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(descriptor)")
            guard path?.hasSuffix("/\(name)") == true else { return pread(descriptor, buffer, count, place) }
            errno = EIO
            return -1
        }
        let error = #expect(throws: StateError.self) { try check.run() }
        #expect(error?.description.contains(accepted.home.path + "/" + name) == true)
        #expect(error?.description.contains("Input/output error") == true, "\(String(describing: error))")
    }

    @Test("a file that can't be opened is told as that, by its name", arguments: ["jobs.sqlite", "witness", "sums"])
    func unopenable(name: String) async throws {
        let accepted = try await Accepted(isClosed: false)
        let path = accepted.home.path + "/" + name
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let error = #expect(throws: StateError.self) { try FolderCheck(StatePlaces(folder: accepted.home.path)).run() }
        guard case .unusable(path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("sums far larger than those of any database are refused by name, and not read")
    func hugeSums() async throws {
        let accepted = try await Accepted(isClosed: false)
        let path = accepted.home.path + "/sums"
        #expect(truncate(path, 1 << 42) == 0)
        let error = #expect(throws: StateError.self) { try FolderCheck(StatePlaces(folder: accepted.home.path)).run() }
        guard case .damaged(path, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("bytes"))
    }

    @Test("text in its place")
    func text() async throws {
        let home = try Home()
        try Data("this is not a database, but it has a few bytes".utf8).write(to: URL(fileURLWithPath: home.database))
        try Self.expectRefused(home, "text")
    }

    @Test("a folder in its place is refused by name")
    func folder() throws {
        let home = try Home()
        try FileManager.default.createDirectory(atPath: home.database, withIntermediateDirectories: true)
        let error = #expect(throws: StateError.self) { try home.open() }
        guard case .unusable(home.database, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("a newer Vigil's is refused as that, and not changed, whoever wrote it", arguments: [true, false])
    func newer(isOurs: Bool) async throws {
        let home = try await Self.spoiled { home in
            try home.tamper { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('of next year')") }
            guard isOurs else { return }
            for name in ["witness", "sums"] { try FileManager.default.removeItem(atPath: home.path + "/" + name) }
            try home.tamper { try $0.execute(sql: "PRAGMA user_version = 0") }
        }
        let before = try Self.contents(home)
        for _ in 0..<2 {
            #expect(throws: StateError.newer(path: home.database)) { try home.open() }
        }
        #expect(try Self.contents(home) == before)
    }

    @Test("another database in its place is not filled with our tables")
    func foreign() throws {
        let home = try Home()
        try home.tamper { try $0.execute(sql: "CREATE TABLE jobs (id INTEGER)") }
        let before = try home.tamper { try String.fetchAll($0, sql: "SELECT sql FROM sqlite_master ORDER BY name") }
        #expect(throws: StateError.self) { try home.open() }
        let after = try home.tamper { db in
            try String.fetchAll(
                db, sql: "SELECT sql FROM sqlite_master WHERE name NOT LIKE '%grdb%' AND sql NOT NULL ORDER BY name")
        }
        #expect(after == before)
    }
}
