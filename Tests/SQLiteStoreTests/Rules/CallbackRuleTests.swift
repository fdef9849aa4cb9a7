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
            "http://[::1]:80/x",
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
}
