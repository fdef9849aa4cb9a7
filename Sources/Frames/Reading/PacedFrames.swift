import Platform

/// Frames of a source that come no sooner than a camera would give them: each at its time, counted from the first one.
///
/// Whoever takes them too slowly is late, and is not waited for: what was missed comes at once.
public final class PacedFrames: FrameSource {
    /// How taking them went.
    public struct Pace: Equatable, Sendable {
        /// Frames that came.
        public internal(set) var frames = 0
        /// From the first frame to the end of the last one, as the source has it.
        public internal(set) var seconds = 0.0
        /// The longest that a frame was taken later than it came.
        public internal(set) var mostLate = 0.0
    }

    private var source: any FrameSource
    private let rate: Double
    private let clock: () -> MonotonicTime
    private let sleep: (MonotonicTime) -> Void
    private var begun: MonotonicTime?
    private var last: Double?
    /// From the first frame to the last one.
    private var elapsed = 0.0
    /// How it went until now.
    public private(set) var pace = Pace()

    /// - Parameters:
    ///   - source: the frames
    ///   - rate: frames a second of a source that knows no times
    public convenience init(_ source: any FrameSource, rate: Double) {
        self.init(source, rate: rate, clock: { .now }, sleep: Self.sleep)
    }

    /// With a clock of a test's own.
    package init(
        _ source: any FrameSource, rate: Double, clock: @escaping () -> MonotonicTime,
        sleep: @escaping (MonotonicTime) -> Void
    ) {
        precondition(rate > 0, "frames come at some rate")
        (self.source, self.rate, self.clock, self.sleep) = (source, rate, clock, sleep)
    }

    /// What they come from.
    public var kind: String { source.kind }
    /// How many there are, where that is known.
    public var count: Int? { source.count }
    /// When the last one is shown.
    public var seconds: Double? { source.seconds }

    /// How long it is at a moment since the frame that came last was due.
    public func secondsBehind(at moment: MonotonicTime) -> Double {
        guard let begun else { return 0 }
        return (moment - begun).inSeconds - elapsed
    }

    /// The next frame, once its time has come.
    public func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        let isThere = try source.next(into: &frame)
        if isThere { settle() }
        return isThere
    }

    /// Passes over the next frame, once its time has come.
    public func skip(in frame: inout Frame?) throws(FrameError) -> Bool {
        let isThere = try source.skip(in: &frame)
        if isThere { settle() }
        return isThere
    }

    /// A frame that comes longer after the one before is waited for no longer.
    private static let longestStep = 60.0

    private func settle() {
        let seconds = source.seconds ?? Double(pace.frames) / rate
        pace.frames += 1
        let now = clock()
        guard let begun, let before = last else {
            (begun, last) = (now, seconds)
            pace.seconds = 1 / rate
            return
        }
        let step = min(max(seconds - before, 0), Self.longestStep)
        elapsed += step
        last = seconds
        pace.seconds = elapsed + step
        let due = begun + .seconds(elapsed)
        if due > now { sleep(due) } else { pace.mostLate = max(pace.mostLate, (now - due).inSeconds) }
    }

    private static func sleep(until moment: MonotonicTime) {
        var time = timespec(
            tv_sec: Int(moment.nanoseconds / 1_000_000_000), tv_nsec: Int(moment.nanoseconds % 1_000_000_000))
        while clock_nanosleep(CLOCK_MONOTONIC, Int32(TIMER_ABSTIME), &time, nil) == EINTR {}
    }
}
