import GRDB
import Jobs
import Testing

@testable import SQLiteStore

@Suite("callbacks that have no room are left to readers")
struct CallbackRuleTests {
    @Test("a look that takes nothing commits nothing, however many notes are due, and looks them up by an index")
    func commits() async throws {
        let store = try Home().open()
        for index in 0..<400 {
            var new = NewJob.of()
            new.callback = "http://slow.test/\(index)"
            _ = try await store.finish(new)
        }
        func commits() async throws -> Int? {
            try await store.database.read { try Int.fetchOne($0, sql: "PRAGMA user_version") }
        }
        var room = CallbackRoom(most: 64, perReceiver: 4, failedPerReceiver: 2)
        let begun = try #require(try await commits())
        let notes = try await store.takeCallbacks(limit: 16, within: room)
        #expect(notes.count == 4)
        #expect(try await commits() == begun + 1)
        for note in notes where !room.add(note.receiver, failed: false) { Issue.record("it has no room") }
        for _ in 0..<50 { #expect(try await store.takeCallbacks(limit: 16, within: room).isEmpty) }
        #expect(try await commits() == begun + 1)
        let plan = try await store.database.read { db in
            try Row.fetchAll(
                db,
                sql: """
                    EXPLAIN QUERY PLAN SELECT \(CallbackRows.receiver) FROM callbacks WHERE \(CallbackRows.receiver) > ''
                    ORDER BY \(CallbackRows.receiver) LIMIT 1
                    """
            ).map { "\($0)" }.joined()
        }
        #expect(plan.contains("callbacks_receivers") && !plan.contains("TEMP B-TREE"), "\(plan)")
    }

    @Test(
        "SQL and Swift call a receiver the same",
        arguments: [
            "http://a.test", "http://A.test/B", "https://a.test:8443?x=/y", "http://a?b", "https://a/?",
            "http://[::1]:80/x", "https://[2001:db8::1]", "http://a.test:1", "https://a.test:8443/x:y",
        ])
    func receivers(url: String) async throws {
        let store = try Home().open()
        var new = NewJob.of()
        new.callback = url
        _ = try await store.finish(new)
        let stored = try await store.database.read {
            try String.fetchOne($0, sql: "SELECT \(CallbackRows.receiver) FROM callbacks")
        }
        #expect(stored == CallbackNote.receiver(url))
    }

    /// Notes of a slow receiver, which are the oldest, and one of another.
    private func notes(slow: Int) async throws -> (home: Home, store: SQLiteJobStore) {
        let home = try Home()
        let store = try home.open()
        for index in 0...slow {
            var new = NewJob.of(seed: UInt64(index))
            new.callback = index < slow ? "http://slow.test:\(index + 1)/\(index)" : "http://other.test/"
            _ = try await store.finish(new)
        }
        return (home, store)
    }

    @Test("a slow host has its places whatever its ports, and another is told")
    func ports() async throws {
        let (_, store) = try await notes(slow: 40)
        let room = CallbackRoom(most: 64, perReceiver: 4, failedPerReceiver: 2)
        let taken = try await store.takeCallbacks(limit: 16, within: room)
        #expect(taken.count == 5 && taken.contains { $0.url == "http://other.test/" })
    }

    @Test("an address that is no text keeps nobody from being told", .timeLimit(.minutes(1)))
    func spoiltAddress() async throws {
        let (_, store) = try await notes(slow: 80)
        try await store.writer.commit { context in
            try context.db.execute(
                sql: """
                    UPDATE callbacks SET url = CAST(x'687474703A2F2F68F42E746573742F' AS TEXT)
                    WHERE url LIKE '%/70'
                    """)
        }
        let room = CallbackRoom(most: 64, perReceiver: 4, failedPerReceiver: 2)
        let taken = try await store.takeCallbacks(limit: 16, within: room)
        #expect(taken.contains { $0.url == "http://other.test/" })
    }

    @Test("notes that can't be read, though they are the oldest, are removed and the others told")
    func unreadableFirst() async throws {
        let (_, store) = try await notes(slow: 8)
        try await store.writer.commit { context in
            try context.db.execute(sql: "UPDATE callbacks SET tries = 'many' WHERE url LIKE '%slow%'")
        }
        let room = CallbackRoom(most: 64, perReceiver: 4, failedPerReceiver: 2)
        var taken: [CallbackNote] = []
        for _ in 0..<3 { taken += try await store.takeCallbacks(limit: 1, within: room) }
        #expect(taken.map(\.url) == ["http://other.test/"])
        let left = try await store.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM callbacks") }
        #expect(left == 1)
    }
}
