import Platform
import Synchronization

/// What one upload in flight has of the backlog: what was promised to it, and what it holds.
///
/// A promise is good while the upload brings its bytes in the time that its size allows. One that lags behind keeps it
/// as long as nobody else wants the room; then it first loses what it was promised and has not filled, and if that is
/// not enough what it holds, which ends it. Its lock is taken inside the backlog's, never the other way round.
final class UploadRoom: Sendable {
    struct State {
        /// What the ledger counts for it; its bytes are never less than what is held.
        var counted: QueueLedger.Load
        /// Bytes that its decoder holds.
        var held = 0
        /// Bytes that have come.
        var received = 0
        /// Until when it is in time, if no byte comes before.
        var due: MonotonicTime
        /// There once it has lost what it held; closed when that is not in memory any more.
        var farewell: Latch<Void>?

        /// Whether it lost what it held.
        var isLost: Bool { farewell != nil }

        /// What is counted and not filled.
        var promised: QueueLedger.Load { QueueLedger.Load(jobs: counted.jobs, bytes: counted.bytes - held) }
    }

    /// Whose share it counts for.
    let client: String
    /// Whether it is to become a job.
    let becomesJob: Bool
    let state: Mutex<State>
    /// Whether jobs have taken its place, after which there is nothing to give back.
    let isUsedUp = Atomic(false)
    private let announced: Int
    private let pace: Backlog.Pace
    /// Wakes whoever waits for the upload's next bytes, so that what it holds goes.
    let interrupt: @Sendable () -> Void

    init(
        _ load: QueueLedger.Load, client: String, pace: Backlog.Pace, now: MonotonicTime,
        interrupt: @escaping @Sendable () -> Void
    ) {
        self.client = client
        self.pace = pace
        self.interrupt = interrupt
        becomesJob = load.jobs > 0
        announced = load.bytes
        state = Mutex(State(counted: load, due: now + pace.grace))
    }

    /// Counts in bytes that came and what is held now.
    ///
    /// - Returns: whether that is more than is counted, so that the ledger has to be asked; nil where the room is lost
    func advance(by bytes: Int, holding held: Int, now: MonotonicTime) -> Bool? {
        state.withLock { state in
            guard !state.isLost else { return nil }
            state.received += bytes
            if state.due != .never {
                state.due = pace.due(state.due, after: bytes, of: max(announced, state.received), now: now)
            }
            guard held <= state.counted.bytes else { return true }
            state.held = max(state.held, held)
            return false
        }
    }

    /// It is late until its first bytes come.
    func endGrace(now: MonotonicTime) { state.withLock { $0.due = now } }

    /// Whether others got what it held.
    var isLost: Bool { state.withLock { $0.isLost } }

    /// To wait by for the memory of what it lost.
    var farewell: Latch<Void>? { state.withLock { $0.farewell } }

    /// Whether the client has done its part.
    var hasArrived: Bool { state.withLock { $0.due == .never } }

    /// The client has done its part: from now on it is not late any more.
    func arrived() { state.withLock { $0.due = .never } }
}

extension MonotonicTime {
    /// A time that does not come.
    fileprivate static let never = MonotonicTime(nanoseconds: .max)
}
