import Platform
import Synchronization

@testable import vigil

/// A clock that stands still until someone waits on it or moves it.
final class ManualLoadClock: LoadClock {
    private let nanoseconds = Mutex<Int64>(0)

    var now: MonotonicTime { MonotonicTime(nanoseconds: nanoseconds.withLock { $0 }) }

    func wait(until time: MonotonicTime) { nanoseconds.withLock { $0 = max($0, time.nanoseconds) } }

    func advance(by duration: Duration) { wait(until: now + duration) }
}
