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
            try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(CallbackRows.dueReceivers)", arguments: [1, 1])
                .map { $0["detail"] as String }.filter { $0.contains("callbacks") }
        }
        #expect(plan.count >= 3 && plan.allSatisfy { $0.contains("USING INDEX callbacks_receivers") }, "\(plan)")
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

    /// Notes of many receivers that failed and are not due yet, behind some of one that has no room, and one that is due.
    private func manyReceivers(_ store: SQLiteJobStore, due: String) async throws -> CallbackRoom {
        for _ in 0..<5 {
            var new = NewJob.of()
            new.callback = "https://0.test/"
            _ = try await store.finish(new)
        }
        var new = NewJob.of()
        new.callback = due
        let job = try await store.finish(new)
        try await store.writer.commit { context in
            try context.db.execute(
                sql: "UPDATE callbacks SET due = due + 1 WHERE job = ?", arguments: [job.blob])
            for number in 0..<3_000 {
                try context.db.execute(
                    sql: """
                        INSERT INTO callbacks (job, url, tries, due)
                        VALUES (randomblob(16), ?, 1, (SELECT max(due) + 3600000000000 FROM callbacks WHERE tries = 0))
                        """, arguments: ["https://r\(number).test/"])
            }
        }
        var room = CallbackRoom(most: 64, perReceiver: 1, failedPerReceiver: 1)
        let hadRoom = room.add("0.test", failed: false)
        #expect(hadRoom)
        return room
    }

    @Test(
        "a note that is due is found in one look of a few steps, however many receivers there are",
        arguments: ["a", "r500", "zz"])
    func oneLook(host: String) async throws {
        let clock = ManualClock()
        let store = try Home().open(clock: clock)
        let room = try await manyReceivers(store, due: "https://\(host).test/")
        clock.advance(by: .seconds(1))
        let now = store.database.clock.stored(clock.now)
        let statements = try await store.database.read { db in
            var count = 0
            db.trace(options: .statement) { _ in count += 1 }
            defer { db.trace(options: []) }
            _ = try CallbackRows(db: db).due(limit: 1, within: room, now: now)
            return count
        }
        #expect(statements < 10, "\(statements)")
        #expect(try await store.takeCallbacks(limit: 1, within: room).map(\.url) == ["https://\(host).test/"])
    }

    @Test("of many receivers those that have waited longest are told first")
    func oldestFirst() async throws {
        let clock = ManualClock()
        let store = try Home().open(clock: clock)
        let room = try await manyReceivers(store, due: "https://zz.test/")
        try await store.writer.commit { context in
            try context.db.execute(sql: "UPDATE callbacks SET due = due - 3600000000000 + 2 WHERE tries = 1")
        }
        clock.advance(by: .seconds(1))
        let now = store.database.clock.stored(clock.now)
        let found = try await store.database.read { try CallbackRows(db: $0).due(limit: 16, within: room, now: now) }
        #expect(found.notes.first?.url == "https://zz.test/")
        #expect(Set(found.notes.map(\.receiver)).count == 16)
    }

    @Test("a note that was settled since it was found is not taken, and one without a job is removed")
    func settledSince() async throws {
        let (_, store) = try await notes(slow: 1)
        let now = store.database.clock.stored(store.clock.now)
        let found = try await store.database.read {
            try CallbackRows(db: $0).due(limit: 9, within: .unlimited, now: now)
        }
        #expect(found.notes.count == 2)
        try await store.settleCallback(of: found.notes[0].job, .settled)
        let taken = try await store.writer.commit { try $0.callbacks.take(found, now: now).map(\.job) }
        #expect(taken == [found.notes[1].job])
        try await store.writer.commit { try $0.db.execute(sql: "UPDATE callbacks SET job = randomblob(16), due = 0") }
        #expect(try await store.takeCallbacks(limit: 9).isEmpty)
        #expect(try await store.database.read { try Int.fetchOne($0, sql: "SELECT count(*) FROM callbacks") } == 0)
    }

    @Test("an address that is no text keeps nobody from being told", .timeLimit(.minutes(10)))
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
