import Platform

@testable import Jobs

/// Holds threads back until a test lets them pass, and tells the test when they are there.
final class ThreadGate: Sendable {
    private struct State {
        var arrived = 0
        var permits = 0
        var watchers: [(arrivals: Int, latch: Latch<Void?>)] = []
    }

    private let monitor = Monitor(State())

    /// Blocks the calling thread until it is let through.
    func pass() {
        let due = monitor.withLock { state in
            state.arrived += 1
            return state.watchers.filter { $0.arrivals <= state.arrived }.map(\.latch)
        }
        for latch in due { latch.close(with: ()) }
        monitor.wait { state -> Void? in
            guard state.permits > 0 else { return nil }
            if state.permits < .max { state.permits -= 1 }
            return ()
        }
    }

    /// Lets so many threads through, those that wait and those to come.
    func open(for threads: Int) {
        monitor.withLock { $0.permits += threads }
        monitor.wakeAll()
    }

    /// Lets everybody through from now on.
    func openForGood() {
        monitor.withLock { $0.permits = .max }
        monitor.wakeAll()
    }

    /// Returns once so many threads have come to the gate, all in all.
    func waitForArrivals(_ count: Int) async {
        let latch = Latch<Void?>()
        let isThere = monitor.withLock { state in
            state.watchers.append((count, latch))
            return state.arrived >= count
        }
        if isThere { latch.close(with: ()) }
        _ = await latch.value(until: MonotonicTime(nanoseconds: .max), by: ManualClock())
    }
}
