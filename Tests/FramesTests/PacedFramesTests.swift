import Platform
import Testing

@testable import Frames

@Suite("Frames at their own pace")
struct PacedFramesTests {
    /// Frames of one pixel at some times.
    private struct Timed: FrameSource {
        var times: [Double?]
        var seconds: Double?
        var kind: String { "test" }
        var count: Int? { nil }

        mutating func next(into frame: inout Frame?) throws(FrameError) -> Bool {
            guard !times.isEmpty else { return false }
            seconds = times.removeFirst()
            frame = try Frame(width: 1, height: 1, bytes: [0, 0, 0])
            return true
        }
    }

    /// A clock that goes on while somebody sleeps, and by what taking a frame costs.
    private final class Clock {
        var now = MonotonicTime(nanoseconds: 5_000_000_000)
        var cost = Duration.zero
        var seconds: Double { Double(now.nanoseconds) / 1e9 - 5 }
    }

    private func paced(_ times: [Double?], rate: Double = 10, by clock: Clock) -> PacedFrames {
        PacedFrames(
            Timed(times: times), rate: rate,
            clock: {
                clock.now = clock.now + clock.cost
                return clock.now
            }, sleep: { clock.now = $0 })
    }

    private func taken(_ frames: PacedFrames, by clock: Clock) throws -> [Double] {
        var found: [Double] = []
        var frame: Frame?
        while try found.count.isMultiple(of: 2) ? frames.next(into: &frame) : frames.skip(in: &frame) {
            found.append((clock.seconds * 1_000).rounded() / 1_000)
        }
        return found
    }

    @Test("each comes at its time, counted from the first one")
    func times() throws {
        let clock = Clock()
        let frames = paced([2, 2.5, 2.75, 4], by: clock)
        #expect(try taken(frames, by: clock) == [0, 0.5, 0.75, 2])
        #expect(frames.pace.frames == 4 && frames.pace.mostLate == 0 && frames.pace.seconds == 3.25)
        #expect(frames.secondsBehind(at: clock.now + .seconds(3)) == 3)
    }

    @Test("without times they come at the rate that is given")
    func rate() throws {
        let clock = Clock()
        let frames = paced([nil, nil, nil], rate: 4, by: clock)
        #expect(try taken(frames, by: clock) == [0, 0.25, 0.5])
        #expect(frames.pace.seconds == 0.75)
    }

    @Test("who is too slow is late by more and more, and is not held up besides")
    func late() throws {
        let clock = Clock()
        clock.cost = .milliseconds(300)
        let frames = paced([0, 0.1, 0.2, 0.3], by: clock)
        #expect(try taken(frames, by: clock) == [0.3, 0.6, 0.9, 1.2])
        #expect(abs(frames.pace.mostLate - 0.6) < 1e-9)
    }

    @Test("times that a file only claims hold nobody up for more than a minute a frame", arguments: [1e4, 1e18, 1e33])
    func claims(seconds: Double) throws {
        let clock = Clock()
        let frames = paced([0, seconds, seconds * 2], by: clock)
        #expect(try taken(frames, by: clock) == [0, 60, 120])
        #expect(frames.pace.seconds == 180)
    }

    @Test("who was late catches up with what comes later")
    func recovered() throws {
        let clock = Clock()
        clock.cost = .milliseconds(300)
        let frames = paced([0, 0.1, 2], by: clock)
        #expect(try taken(frames, by: clock) == [0.3, 0.6, 2.3])
    }
}
