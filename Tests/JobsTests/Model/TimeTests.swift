import Platform
import Testing

@testable import Jobs

@Suite("Times")
struct TimeTests {
    @Test(
        "times of day are written as RFC 3339 does",
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"),
            (1_767_225_600_000, "2026-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
            (1_709_210_096_007, "2024-02-29T12:34:56.007Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func wallTime(milliseconds: Int64, text: String) {
        #expect(WallTime(milliseconds: milliseconds).description == text)
    }

    @Test("no time of day traps", arguments: [Int64.min, Int64.max])
    func extremes(milliseconds: Int64) {
        #expect(WallTime(milliseconds: milliseconds).description.hasSuffix("Z"))
    }

    @Test("the machine's clocks go forward")
    func systemClock() {
        let clock = SystemClock()
        let (first, second) = (clock.now, clock.now)
        #expect(first <= second)
        #expect(clock.wall > WallTime(milliseconds: 1_700_000_000_000))
    }

    @Test("a manual clock wakes sleepers at their time, and those who are cancelled", .timeLimit(.minutes(10)))
    func manualClock() async throws {
        let clock = ManualClock()
        let begin = clock.now
        let short = Task { try await clock.sleep(until: begin + .seconds(1)) }
        let long = Task { try await clock.sleep(until: begin + .seconds(2)) }
        await clock.waitForSleepers(2)
        clock.advance(by: .seconds(1))
        try await short.value
        #expect(clock.sleepers == 1)
        long.cancel()
        await #expect(throws: CancellationError.self) { try await long.value }
        #expect(clock.sleepers == 0)
    }

    @Test("of all changes of status only those of the diagram are allowed")
    func transitions() {
        let allowed = JobStatus.allCases.flatMap { from in
            JobStatus.allCases.filter(from.canBecome).map { "\(from) \($0)" }
        }
        #expect(
            allowed == [
                "queued running", "queued failed", "queued cancelled", "running queued", "running succeeded",
                "running failed",
                "running cancelled",
            ])
        #expect(JobStatus.allCases.filter(\.isEnded) == [.succeeded, .failed, .cancelled])
    }

    @Test("priorities have names")
    func priorities() {
        #expect(Priority(name: "high") == .high)
        #expect(Priority(name: "HIGH") == nil)
        #expect(Priority.allCases.map(\.name) == ["low", "normal", "high"])
        #expect(Priority.low < .normal && Priority.normal < .high)
    }
}
