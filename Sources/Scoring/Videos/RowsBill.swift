import Jobs
import Platform

/// Counts a video's rows as they come for who pays for them, beside the work.
final class RowsBill: Sendable {
    private struct State: Sendable {
        var counted: Int
        var isUnderWay = false
        var refusal: JobFailure?
    }

    private let state: Monitor<State>
    private let settle: @Sendable (Int) async -> JobFailure?
    /// Rows by which a header may be wrong and nobody fails for it.
    private let slack: Int

    /// - Parameters:
    ///   - counted: rows that were counted when the job came
    ///   - settle: counts further ones, or fewer; says why no more may come
    init(counted: Int, settle: @escaping @Sendable (Int) async -> JobFailure?) {
        state = Monitor(State(counted: counted))
        self.settle = settle
        slack = 1 + counted / 16
    }

    /// Those that an earlier attempt has made it has counted.
    func begin(with rows: Int) { state.withLock { $0.counted = max($0.counted, rows) } }

    /// Whether so many rows are counted, for which it begins where they are not; throws where no more may come.
    ///
    /// - Parameter isOver: whether there will be no more, so that those that did not come are given back
    func isCounted(_ rows: Int, isOver: Bool) throws(JobFailure) -> Bool {
        let (refusal, isUnderWay, due) = state.withLock { [slack] state -> (JobFailure?, Bool, Int) in
            let due = state.refusal == nil && !state.isUnderWay ? rows - state.counted : 0
            let isDue = isOver ? due != 0 : due > slack
            if isDue { state.isUnderWay = true }
            return (state.refusal, state.isUnderWay, isDue ? due : 0)
        }
        if let refusal { throw refusal }
        if due != 0 {
            Task { [state, settle, slack] in
                let refusal = await settle(due)
                let isSlight = isOver && due <= slack
                state.withLock { state in
                    state.counted += due
                    state.refusal = isSlight ? nil : refusal
                    state.isUnderWay = false
                }
                state.wakeAll()
            }
        }
        return !isUnderWay
    }

    /// Waits while rows are being counted.
    func wait(until deadline: Deadline) { _ = state.wait(until: deadline) { $0.isUnderWay ? nil : () } }
}
