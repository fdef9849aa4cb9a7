import Jobs
import Platform
import TestSupport
import Testing

@testable import API

@Suite("How it stands with those who are told")
struct PlaceStandingsTests {
    private let now = MonotonicTime(nanoseconds: 1_000_000_000)

    private static func keys(_ count: Int) -> [AlertKey] {
        var jobs = JobIDGenerator()
        var random = SeededRandom(seed: 1)
        return (0..<count).map { _ in
            AlertKey(job: jobs.next(at: WallTime(milliseconds: 1), using: &random), place: 0)
        }
    }

    @Test("a place that takes nothing is left alone for longer each time, a minute at most, and all wait for it")
    func places() {
        var standings = PlaceStandings()
        let keys = Self.keys(20)
        for (number, key) in keys.enumerated() {
            #expect(standings.fail(key, nil, at: now) == .ofPlace(isFirst: number == 0))
        }
        #expect(!standings.mayTell(0, at: now + .seconds(59)) && standings.mayTell(0, at: now + .seconds(60)))
        #expect(standings.mayTell(1, at: now) && standings.rests(0) && !standings.rests(1))
        standings.told(0)
        #expect(standings.mayTell(0, at: now) && !standings.rests(0))
    }

    @Test("what a place does not take though it takes others waits by itself, ten minutes at most")
    func jobs() {
        var standings = PlaceStandings()
        let bad = Self.keys(1)[0]
        #expect(standings.fail(bad, nil, at: now) == .ofPlace(isFirst: true))
        var delays: [Duration] = []
        for _ in 0..<12 {
            standings.told(0)
            guard case .ofJob(let delay) = standings.fail(bad, nil, at: now) else { break }
            delays.append(delay)
            #expect(standings.mayTell(0, at: now))
        }
        #expect(delays.prefix(3) == [.seconds(2), .seconds(4), .seconds(8)] && delays.last == .seconds(600))
        #expect(delays.count == 12)
        standings.settle(bad)
        #expect(standings.fail(bad, nil, at: now) == .ofPlace(isFirst: true))
    }

    @Test("a place that asks to be left alone is, an hour at most")
    func asked() {
        var standings = PlaceStandings()
        let bad = Self.keys(1)[0]
        _ = standings.fail(bad, nil, at: now)
        standings.told(0)
        #expect(standings.fail(bad, .seconds(90_000), at: now) == .ofPlace(isFirst: true))
        #expect(!standings.mayTell(0, at: now + .seconds(3_599)) && standings.mayTell(0, at: now + .seconds(3_600)))
    }
}
