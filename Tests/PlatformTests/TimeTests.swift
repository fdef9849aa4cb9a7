import Synchronization
import Testing

@testable import Platform

@Suite("Readings of a clock, and deadlines")
struct TimeTests {
    @Test("a day is the one that the calendar has, before and after 1970, and comes back from it")
    func calendar() {
        for (days, year, month, day) in [
            (0, 1970, 1, 1), (-1, 1969, 12, 31), (11_016, 2000, 2, 29), (11_017, 2000, 3, 1), (-719_468, 0, 3, 1),
            (-719_469, 0, 2, 29), (-719_528, 0, 1, 1), (-719_529, -1, 12, 31), (2_932_896, 9999, 12, 31),
        ] {
            let date = CalendarDate(daysSince1970: days)
            #expect(date == CalendarDate(year: year, month: month, day: day), "\(days)")
            #expect(date.daysSince1970 == days)
        }
        for days in stride(from: -800_000, to: 800_000, by: 977) {
            #expect(CalendarDate(daysSince1970: days).daysSince1970 == days)
        }
        #expect(String(7, digits: 3) == "007" && String(2026, digits: 2) == "2026")
    }

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

    @Test("a deadline that is given up is over, and so is a share of it")
    func givenUp() {
        let stop = Mutex(false)
        let deadline = Deadline(in: .seconds(1_000)) { stop.withLock { $0 } }
        let share = deadline.shared(among: 2)
        #expect((1...1_000).contains(deadline.milliseconds) && share.milliseconds > 0, "it is looked at again soon")
        stop.withLock { $0 = true }
        #expect(deadline.milliseconds == 0 && share.milliseconds == 0)
    }

    @Test("a deadline's share ends before it, and the last share with it")
    func shares() {
        let deadline = Deadline(in: .seconds(1_000))
        #expect(deadline.shared(among: 4).moment < deadline.moment)
        #expect(deadline.shared(among: 1).moment == deadline.moment)
        #expect(deadline.shared(among: 0).moment == deadline.moment)
    }
}
