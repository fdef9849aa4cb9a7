import Testing

@testable import Platform

@Suite("Readings of a clock, and deadlines")
struct TimeTests {
    @Test("adding to a reading stops at the last one")
    func saturation() {
        let time = MonotonicTime(nanoseconds: 5)
        #expect(time + .nanoseconds(3) == MonotonicTime(nanoseconds: 8))
        #expect(time + .seconds(Int64.max) == MonotonicTime(nanoseconds: .max))
        #expect(MonotonicTime(nanoseconds: -5) + .seconds(Int64.min) == MonotonicTime(nanoseconds: .min))
        #expect(MonotonicTime(nanoseconds: .max) - MonotonicTime(nanoseconds: .min) > .seconds(1))
    }

    @Test("the machine's clock goes forward, and is the one that the system's calls count by")
    func machine() {
        let first = MonotonicTime.now
        var time = timespec()
        #expect(clock_gettime(CLOCK_MONOTONIC, &time) == 0)
        let second = MonotonicTime(nanoseconds: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec))
        #expect(first <= second && second <= .now && second < .distantFuture)
        #expect(second.systemTime.tv_sec == time.tv_sec && second.systemTime.tv_nsec == time.tv_nsec)
    }

    @Test("a deadline lies at most a year ahead, and not behind")
    func deadlines() {
        let before = MonotonicTime.now
        let (past, far) = (Deadline(in: .seconds(-5)), Deadline(in: .seconds(Int64.max)))
        #expect(past.milliseconds == 0 && past.moment >= before)
        #expect(far.moment <= MonotonicTime.now + .seconds(31_536_000) && far.moment >= before + .seconds(31_536_000))
        #expect(past.earlier(far).moment == past.moment && far.earlier(past).moment == past.moment)
        #expect(far.milliseconds == .max, "more than poll(2) can be told")
    }

    @Test("a deadline's share ends before it, and the last share with it")
    func shares() {
        let deadline = Deadline(in: .seconds(1_000))
        #expect(deadline.shared(among: 4).moment < deadline.moment)
        #expect(deadline.shared(among: 1).moment == deadline.moment)
        #expect(deadline.shared(among: 0).moment == deadline.moment)
    }
}
