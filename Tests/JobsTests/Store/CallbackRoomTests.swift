import TestSupport
import Testing

@testable import Jobs

@Suite("Room for callbacks")
struct CallbackRoomTests {
    private static let room = CallbackRoom(most: 8, perReceiver: 3, failedPerReceiver: 1)

    @Test(
        "notes without room stay where they are, untried, and others behind them are taken",
        arguments: StoreUnderTest.all)
    func room(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var slow: [JobID] = []
        for index in 0..<300 {
            slow.append(try await end("http://slow.test/\(index)", store))
            clock.advance(by: .milliseconds(1))
        }
        let others = [
            try await end("http://other.test?x=/", store), try await end("HTTPS://Slow.test:8443?y", store),
            try await end("https://third.test/z", store),
        ]
        clock.advance(by: .seconds(1))
        var room = Self.room
        let first = try await store.takeCallbacks(limit: 4, within: room)
        #expect(
            first.map(\.job.id) == slow[..<3] + [others[0]], "oldest first, and the fourth of a receiver has no room")
        for note in first where !room.add(note.receiver, failed: false) { Issue.record("it has no room") }
        let second = try await store.takeCallbacks(limit: 4, within: room)
        #expect(
            second.map(\.job.id) == [others[2]],
            "another host is another receiver; another scheme or port, or large letters, are not")
        for note in second where !room.add(note.receiver, failed: false) { Issue.record("it has no room") }
        #expect(try await store.takeCallbacks(limit: 4, within: room).isEmpty)
        room.remove("slow.test")
        #expect(try await store.takeCallbacks(limit: 4, within: room).map(\.job.id) == [slow[3]])
        #expect(try await store.takeCallbacks(limit: 400).map(\.tries) == .init(repeating: 1, count: 297))
    }

    @Test("notes that failed before have fewer places than new ones", arguments: StoreUnderTest.all)
    func failed(kind: StoreUnderTest) async throws {
        let (store, clock) = try await kind.open()
        var ids: [JobID] = []
        for _ in 0..<200 { ids.append(try await end("http://slow.test/", store)) }
        for note in try await store.takeCallbacks(limit: 200) {
            try await store.settleCallback(of: note.job.id, .retry(after: .zero))
        }
        clock.advance(by: .seconds(1))
        let new = try await end("http://slow.test/", store)
        var room = Self.room
        let notes = try await store.takeCallbacks(limit: 9, within: room)
        #expect(notes.map(\.tries) == [2, 1] && notes.last?.job.id == new && ids.contains(notes[0].job.id))
        for note in notes where !room.add(note.receiver, failed: note.tries > 1) { Issue.record("it has no room") }
        #expect(try await store.takeCallbacks(limit: 9, within: room).isEmpty)
    }

    @Test("there is no more room in all than there is, and what is given back is there again")
    func ledger() {
        var room = CallbackRoom(most: 3, perReceiver: 2, failedPerReceiver: 1)
        let asked = [("a", false), ("a", true), ("a", false), ("a", false), ("b", true), ("c", false)]
        let taken = asked.map { room.add($0.0, failed: $0.1) }
        #expect(taken == [true, false, true, false, true, false])
        room.remove("a")
        #expect(room.left(to: "a", failed: false) == 1 && room.left(to: "b", failed: true) == 0)
        let isIn = room.add("c", failed: false)
        #expect(isIn && room.count == 3)
    }

    private func end(_ url: String, _ store: any JobStore) async throws -> JobID {
        var new = NewJob.sample()
        new.callback = url
        let claimed = try #require(try await store.insertAndClaim(new))
        _ = try await store.complete(claimed.token, with: .done)
        return claimed.id
    }
}
