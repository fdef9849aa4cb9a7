import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("a time of day that is far ahead at the start")
struct ClockJumpTests {
    private static let day = Duration.seconds(86_400)

    /// A clock of another start of the machine, so much after `clock` by the time of day.
    private func restarted(_ clock: ManualClock, after days: Int64) -> ManualClock {
        ManualClock(wall: WallTime(milliseconds: clock.wall.milliseconds + days * 86_400_000))
    }

    private func filled(_ home: Home, _ clock: ManualClock) async throws -> JobID {
        let store = try home.open(clock: clock) { $0.resultTTL = .seconds(3_600) }
        return try await store.finish()
    }

    @Test("removes nothing, until a day of the machine's own clock has passed", arguments: [2, 30, 4_000])
    func held(days: Int64) async throws {
        let (home, clock) = (try Home(), ManualClock())
        let ended = try await filled(home, clock)
        let other = restarted(clock, after: days)
        let notes = Notes()
        let store = try home.open(clock: other, logger: notes.logger()) { $0.resultTTL = .seconds(3_600) }
        #expect(notes.all.contains { $0.contains("far ahead") && $0.contains("\(days * 86_400) s") })
        #expect(try await store.expire() == Expired())
        #expect(try await store.job(ended) != nil)
        #expect(try await store.output(ended) != nil)
        other.advance(by: .seconds(3_000))
        #expect(try await store.expire() == Expired())
        other.advance(by: Self.day - .seconds(3_000))
        #expect(try await store.expire().removed == 1)
    }

    @Test("counts at once where an operator says that it is right")
    func believed() async throws {
        let (home, clock) = (try Home(), ManualClock())
        let ended = try await filled(home, clock)
        let store = try home.open(clock: restarted(clock, after: 30)) {
            $0.resultTTL = .seconds(3_600)
            $0.believesClock = true
        }
        #expect(try await store.job(ended) == nil)
        #expect(try await store.expire().removed == 1)
    }

    @Test("is held across further starts, and never counts once it is set back")
    func setBack() async throws {
        let (home, clock) = (try Home(), ManualClock())
        let ended = try await filled(home, clock)
        let wrong = restarted(clock, after: 30)
        var store: SQLiteJobStore? = try home.open(clock: wrong) { $0.resultTTL = Self.day * 7 }
        #expect(try await store?.expire() == Expired())
        store = nil
        let again = ManualClock(wall: WallTime(milliseconds: wrong.wall.milliseconds + 1_000))
        store = try home.open(clock: again) { $0.resultTTL = Self.day * 7 }
        #expect(try await store?.expire() == Expired())
        // Somebody notices.
        again.setWall(WallTime(milliseconds: clock.wall.milliseconds + 10_000))
        for _ in 0..<6 {
            again.advance(by: Self.day)
            #expect(try await store?.expire() == Expired())
        }
        #expect(try await store?.job(ended) != nil)
        again.advance(by: Self.day)
        #expect(try await store?.job(ended) == nil)
    }

    @Test("and has happened is what was wrong once the time of day is back, whatever is believed then")
    func backAgain() async throws {
        let (home, clock) = (try Home(), ManualClock())
        let ended = try await filled(home, clock)
        do { _ = try home.open(clock: restarted(clock, after: 30)) { $0.resultTTL = .seconds(3_600) } }
        let notes = Notes()
        let right = ManualClock(wall: WallTime(milliseconds: clock.wall.milliseconds + 60_000))
        let store = try home.open(clock: right, logger: notes.logger()) {
            $0.resultTTL = .seconds(3_600)
            $0.believesClock = true
        }
        #expect(notes.all.contains { $0.contains("is right again") })
        #expect(try await store.expire() == Expired())
        #expect(try await store.job(ended) != nil)
    }

    @Test("of a day or less is believed")
    func likely() async throws {
        let (home, clock) = (try Home(), ManualClock())
        let ended = try await filled(home, clock)
        let store = try home.open(clock: restarted(clock, after: 1)) { $0.resultTTL = .seconds(3_600) }
        #expect(try await store.job(ended) == nil)
    }

    @Test("holds no deadline: a job that is too late fails")
    func deadline() async throws {
        let (home, clock) = (try Home(), ManualClock())
        var late = NewJob.of()
        late.deadline = .seconds(60)
        var store: SQLiteJobStore? = try home.open(clock: clock)
        let queued = try #require(try await store?.insert(late).id)
        store = nil
        store = try home.open(clock: restarted(clock, after: 30))
        #expect(try await store?.expire().overdue.map(\.id) == [queued])
        #expect(try await store?.job(queued)?.failure?.reason == "deadline-passed")
    }

    @Test("at the ends of what can be stored does no harm")
    func extremes() {
        let ends = [Int64.min, -1, 0, 1, .max]
        for since in ends {
            for wall in ends {
                for length in ends where length >= 0 {
                    let jump = ClockJump(since: since, wall: wall, length: length)
                    for store in ends {
                        for now in ends {
                            let held = jump.held(store: store, wall: WallTime(milliseconds: now))
                            #expect((0...length).contains(held))
                            _ = ClockJump.found(length, before: jump, store: store, wall: WallTime(milliseconds: now))
                        }
                    }
                }
            }
        }
    }
}
