import Platform
import Testing

@testable import vigil

@Suite("When requests are sent")
struct LoadScheduleTests {
    private let zero = MonotonicTime(nanoseconds: 0)

    private func milliseconds(_ count: Int) -> MonotonicTime { zero + .milliseconds(count) }

    private func schedule(
        _ pace: LoadSchedule.Pace, warmup: Duration = .zero, length: Duration = .seconds(1)
    ) -> LoadSchedule {
        LoadSchedule(pace: pace, begin: zero, warmup: warmup, length: length)
    }

    @Test("in a closed loop a request is due when the client is free, and counts once the warm-up is over")
    func closed() {
        var schedule = schedule(.closed, warmup: .milliseconds(500))
        #expect(schedule.next(at: milliseconds(499)) == .send(due: milliseconds(499), counted: false))
        #expect(schedule.next(at: milliseconds(500)) == .send(due: milliseconds(500), counted: true))
        #expect(schedule.next(at: milliseconds(1_499)) == .send(due: milliseconds(1_499), counted: true))
        #expect(schedule.next(at: milliseconds(1_500)) == .ended)
        #expect(schedule.due == nil && schedule.unsent == nil)
    }

    @Test("in an open loop requests are due at even times, whenever a client asks")
    func open() {
        var schedule = schedule(.open(rate: 4))
        let asked = [0, 0, 900, 950].map(milliseconds)
        let found = asked.map { schedule.next(at: $0) }
        #expect(found == [0, 250, 500, 750].map { .send(due: milliseconds($0), counted: true) })
        #expect(schedule.next(at: milliseconds(960)) == .ended)
        #expect(schedule.due == 4 && schedule.unsent == nil)
    }

    @Test(
        "the window holds each request that is due before its end",
        arguments: [(0.5, 1), (1.0, 1), (1.5, 2), (3.0, 3), (1_000.0, 1_000), (1_000_000.0, 1_000_000)])
    func due(rate: Double, count: Int) {
        #expect(schedule(.open(rate: rate)).due == count)
    }

    @Test("what the warm-up leaves unsent does not stand in the window's line")
    func warmupIsDropped() {
        var schedule = schedule(.open(rate: 10), warmup: .seconds(1))
        #expect(schedule.next(at: zero) == .send(due: zero, counted: false))
        #expect(schedule.next(at: milliseconds(990)) == .send(due: milliseconds(100), counted: false))
        #expect(schedule.next(at: milliseconds(1_200)) == .send(due: milliseconds(1_000), counted: true))
    }

    @Test("a client that is free before the window begins takes the window's first request")
    func warmupIsDone() {
        var schedule = schedule(.open(rate: 1), warmup: .seconds(1))
        #expect(schedule.next(at: milliseconds(10)) == .send(due: zero, counted: false))
        #expect(schedule.next(at: milliseconds(20)) == .send(due: milliseconds(1_000), counted: true))
        #expect(schedule.next(at: milliseconds(30)) == .ended)
    }

    @Test("requests that were never sent are counted, and how long the first of them was due")
    func unsent() {
        var schedule = schedule(.open(rate: 10))
        #expect(schedule.next(at: zero) == .send(due: zero, counted: true))
        #expect(schedule.next(at: milliseconds(1_000)) == .ended)
        #expect(schedule.unsent == .init(count: 9, behind: .milliseconds(900)))
    }

    @Test("after a stop nothing is sent, and what would have been due later is not missed")
    func stopped() {
        var schedule = schedule(.open(rate: 10))
        #expect(schedule.next(at: zero) == .send(due: zero, counted: true))
        schedule.stop(at: milliseconds(250))
        #expect(schedule.next(at: milliseconds(250)) == .ended)
        #expect(schedule.due == 3)
        #expect(schedule.unsent == .init(count: 2, behind: .milliseconds(150)))
        #expect(schedule.length == .milliseconds(250))
    }
}
