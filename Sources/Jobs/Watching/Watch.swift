import Platform

/// The right to be woken when a job changes, for as long as somebody holds it.
///
/// Whoever looks at the job after a wake, and for the first time after the watch was made, misses nothing: a change
/// between look and wait is remembered, once. So a slow reader costs no more than a quick one.
public final class Watch: Sendable {
    /// The job that is followed.
    public let id: JobID
    private let number: Int
    private let signal: WakeSignal
    private let watchers: Watchers

    init(of id: JobID, number: Int, signal: WakeSignal, among watchers: Watchers) {
        self.id = id
        self.number = number
        self.signal = signal
        self.watchers = watchers
    }

    deinit { watchers.remove(number, of: id) }

    /// Waits, without holding a thread, until something has happened since the last call, or the time is up. One task
    /// waits at a time.
    public func next(until deadline: MonotonicTime) async -> Wake {
        if let wake = signal.takePending() { return wake }
        guard deadline > watchers.alarm.clock.now else { return .timeUp }
        let wait = signal.begin()
        let entry = watchers.alarm.set(for: deadline) { [signal] in signal.lapse(wait, with: .timeUp) }
        defer { watchers.alarm.clear(entry) }
        return await signal.wake(wait)
    }

    /// Wakes the one who waits, as if the job had changed.
    public func wake() { signal.tell(.changed) }
}
