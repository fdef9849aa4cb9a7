import Platform
import Synchronization

/// Calls many at their deadlines by one timer, where a timer each would be a task each.
final class Alarm: Sendable {
    private struct Entry {
        let deadline: MonotonicTime
        let action: @Sendable () -> Void
    }

    private struct State {
        var entries: [Int: Entry] = [:]
        var lastNumber = 0
        /// What the timer sleeps until; nil where there is none.
        var sleepsUntil: MonotonicTime?
        var timer: Task<Void, Never>?
    }

    /// Deadlines that are closer together than this are met in one go, because each go looks at all of them.
    private static let shortestSleep = Duration.milliseconds(10)

    let clock: any JobClock
    private let state = Mutex(State())

    init(clock: any JobClock) {
        self.clock = clock
    }

    deinit { state.withLock { $0.timer?.cancel() } }

    /// Calls `action` once the deadline has passed, unless it is cleared before.
    func set(for deadline: MonotonicTime, _ action: @escaping @Sendable () -> Void) -> Int {
        state.withLock { state in
            state.lastNumber += 1
            state.entries[state.lastNumber] = Entry(deadline: deadline, action: action)
            // One that is due later finds a timer that goes off before, and is seen to then.
            if state.sleepsUntil.map({ deadline < $0 }) ?? true { sleep(until: deadline, &state) }
            return state.lastNumber
        }
    }

    /// Takes a call back. The timer is left as it is: the next call is mostly due soon after.
    func clear(_ number: Int) {
        state.withLock { _ = $0.entries.removeValue(forKey: number) }
    }

    private func sleep(until deadline: MonotonicTime, _ state: inout State) {
        state.timer?.cancel()
        state.sleepsUntil = deadline
        state.timer = Task { [weak self, clock] in
            guard (try? await clock.sleep(until: deadline)) != nil else { return }
            self?.ring(sleptUntil: deadline)
        }
    }

    private func ring(sleptUntil deadline: MonotonicTime) {
        let due = state.withLock { state -> [Entry] in
            // A timer that was replaced has nothing to say.
            guard state.sleepsUntil == deadline else { return [] }
            let now = clock.now
            let due = state.entries.filter { $0.value.deadline <= now }
            for number in due.keys { state.entries[number] = nil }
            state.sleepsUntil = nil
            state.timer = nil
            if let next = state.entries.values.map(\.deadline).min() {
                sleep(until: max(next, now + Self.shortestSleep), &state)
            }
            return Array(due.values)
        }
        for entry in due { entry.action() }
    }
}
