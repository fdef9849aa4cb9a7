import TestSupport
import Testing

@testable import Webhooks

@Suite("the delays between tries")
struct RetryTests {
    private static let day = Duration.seconds(86_400)

    @Test("each delay lies in its range, no later one's range is lower, and all end within the day", arguments: 0..<50)
    func bounds(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let schedule = RetrySchedule()
        var elapsed = Duration.zero
        var failures = 0
        while failures < 100 {
            // A try takes its time as well.
            elapsed += .seconds(Int.random(in: 0...15, using: &random))
            failures += 1
            guard let delay = schedule.delay(afterFailures: failures, elapsed: elapsed, using: &random) else { break }
            let step = schedule.steps[min(failures, schedule.steps.count) - 1]
            #expect(delay >= step * 0.8 && delay <= step * 1.2)
            elapsed += delay
            #expect(elapsed <= Self.day)
        }
        #expect((9...16).contains(failures), "\(failures) tries")
        #expect(elapsed > .seconds(60_000), "tries go on for most of the day")
    }

    @Test("the delays grow")
    func growing() {
        let steps = RetrySchedule().steps
        for (earlier, later) in zip(steps, steps.dropFirst()) { #expect(earlier * 1.2 < later * 0.8) }
    }

    @Test("other seeds give other delays, the same seed the same")
    func seeds() {
        let schedule = RetrySchedule()
        func delays(_ seed: UInt64) -> [Duration?] {
            var random = SeededRandom(seed: seed)
            return (1...8).map { schedule.delay(afterFailures: $0, elapsed: .zero, using: &random) }
        }
        #expect(Set((0..<50).map(delays)).count == 50)
        #expect(delays(7) == delays(7))
    }

    @Test("what a receiver asks for lengthens a delay, shortens none, and never passes the day")
    func retryAfter() throws {
        var random = SeededRandom(seed: 1)
        let schedule = RetrySchedule(steps: [.seconds(10)], jitter: 0)
        func delay(_ elapsed: Int, _ retryAfter: Duration?) -> Duration? {
            schedule.delay(afterFailures: 1, elapsed: .seconds(elapsed), retryAfter: retryAfter, using: &random)
        }
        #expect(delay(0, nil) == .seconds(10))
        #expect(delay(0, .seconds(3)) == .seconds(10))
        #expect(delay(0, .seconds(300)) == .seconds(300))
        #expect(delay(86_000, .seconds(86_400)) == .seconds(400), "the last try is at the day's end")
        #expect(delay(86_390, nil) == .seconds(10))
        #expect(delay(86_391, nil) == nil)
        #expect(delay(86_391, .seconds(1)) == nil)
        #expect(delay(-5000, nil) == .seconds(10), "a clock that was set back")
        #expect(delay(-5000, Self.day * 2) == Self.day)
    }

    @Test("without steps there is no second try")
    func none() {
        var random = SeededRandom(seed: 1)
        #expect(RetrySchedule(steps: []).delay(afterFailures: 1, elapsed: .zero, using: &random) == nil)
    }
}
