import DequeModule

/// Which step of which running job is next: values in, values out, no threads.
///
/// Jobs take turns, a step each, so that none starves; a job alone gets all steps. A job's way:
///
/// ```
///   admit ─▶ plan ─▶ part 0 … part n-1, any number at a time ─▶ finish ─▶ gone
/// ```
///
/// A job that grows is prepared too, one step at a time, until all of its parts are known: between its parts, which go first.
///
/// A job may be tried alone: no other gets a step until it is gone or has gone on, and it gets its first once all that are under
/// way are over.
///
/// A job that is stopped gets no further step and is gone when none of its steps is under way.
struct PartSchedule: Sendable {
    /// Something that a worker does in one go.
    enum Step: Equatable, Sendable {
        case plan(ClaimToken)
        case prepare(ClaimToken)
        case part(ClaimToken, Int)
        case finish(ClaimToken)

        var token: ClaimToken {
            switch self {
            case .plan(let token), .prepare(let token), .part(let token, _), .finish(let token): token
            }
        }
    }

    /// How many steps there are to give.
    enum Supply {
        case none, one, several
    }

    private enum Stage {
        case unplanned
        case parts(next: Int, done: Int, total: Int)
        case finishable
    }

    /// Whether there may be more parts than are known.
    private enum Growth {
        case none, possible, underWay
    }

    private struct Progress {
        var stage = Stage.unplanned
        var growth = Growth.none
        var underWay = 0
        var isStopped = false
    }

    private var jobs: [ClaimToken: Progress] = [:]
    /// The jobs that have a step to give, each once, in the order of their turns.
    private var turns: Deque<ClaimToken> = []
    /// The jobs that are to be tried alone, one after the other.
    private var trials: [ClaimToken] = []

    /// The jobs that are not gone.
    var count: Int { jobs.count }

    /// How many steps could be given now, as far as that matters: none, one or several.
    var supply: Supply {
        if let alone { return isOtherUnderWay || !turns.contains(alone) ? .none : supply(of: alone) }
        guard let first = turns.first else { return .none }
        return turns.count == 1 ? supply(of: first) : .several
    }

    private func supply(of token: ClaimToken) -> Supply {
        guard let progress = jobs[token] else { return .several }
        if case .parts(let next, _, let total) = progress.stage,
            total - next + (progress.growth == .possible ? 1 : 0) > 1
        {
            return .several
        }
        return .one
    }

    /// The jobs of which no step was begun.
    var unbegun: [ClaimToken] {
        jobs.filter { _, progress in
            if case .unplanned = progress.stage { return progress.underWay == 0 }
            return false
        }.map(\.key)
    }

    /// The job that no other gets a step beside.
    var alone: ClaimToken? { trials.first }

    /// Whether a step is under way that has to be over before the job that is to be alone gets one.
    private var isOtherUnderWay: Bool {
        guard let alone else { return false }
        return jobs.contains { $0.key != alone && $0.value.underWay > 0 }
    }

    /// - Parameter alone: whether the job is to be tried alone
    mutating func admit(_ token: ClaimToken, alone: Bool = false) {
        jobs[token] = Progress()
        turns.append(token)
        if alone { trials.append(token) }
    }

    /// A job is no longer tried alone. Says whether it was.
    @discardableResult
    mutating func goOn(_ token: ClaimToken) -> Bool {
        guard let place = trials.firstIndex(of: token) else { return false }
        trials.remove(at: place)
        return true
    }

    /// The step that a free worker shall do now. It must be reported with `completed` or `failed`.
    mutating func next() -> Step? {
        guard let token = takeTurn(), var progress = jobs[token] else { return nil }
        progress.underWay += 1
        defer { jobs[token] = progress }
        switch progress.stage {
        case .unplanned:
            return .plan(token)
        case .parts(let next, _, let total) where next == total:
            progress.growth = .underWay
            return .prepare(token)
        case .parts(let next, let done, let total):
            progress.stage = .parts(next: next + 1, done: done, total: total)
            if next + 1 < total || progress.growth == .possible { turns.append(token) }
            return .part(token, next)
        case .finishable:
            return .finish(token)
        }
    }

    private mutating func takeTurn() -> ClaimToken? {
        guard let alone else { return turns.popFirst() }
        guard !isOtherUnderWay, let place = turns.firstIndex(of: alone) else { return nil }
        return turns.remove(at: place)
    }

    /// A plan is there, and says how many parts there are. Says whether the job is gone.
    ///
    /// - Parameter grows: whether further ones come to be known by preparing it
    mutating func planned(_ token: ClaimToken, parts: Int, grows: Bool = false) -> Bool {
        guard var progress = jobs[token] else { return false }
        progress.underWay -= 1
        guard !progress.isStopped else { return settle(token, progress) }
        progress.growth = grows ? .possible : .none
        progress.stage = parts > 0 || grows ? .parts(next: 0, done: 0, total: parts) : .finishable
        jobs[token] = progress
        turns.append(token)
        return false
    }

    /// A job was prepared, and has so many parts by now. Says whether it is gone.
    mutating func prepared(_ token: ClaimToken, _ known: PartsKnown) -> Bool {
        guard var progress = jobs[token], case .parts(let next, let done, let total) = progress.stage else {
            return false
        }
        progress.underWay -= 1
        guard !progress.isStopped else { return settle(token, progress) }
        let parts = max(known.count, total)
        progress.growth = known.isAll ? .none : .possible
        if known.isAll, done == parts {
            progress.stage = .finishable
            turns.prepend(token)
        } else {
            progress.stage = .parts(next: next, done: done, total: parts)
            // While it was prepared it had a turn for the parts that were left alone.
            if next == total, next < parts || !known.isAll { turns.append(token) }
        }
        jobs[token] = progress
        return false
    }

    /// A part is done. Says whether the job is gone.
    ///
    /// After the last part the job's turn comes at once, because its end makes room for another.
    mutating func partDone(_ token: ClaimToken) -> Bool {
        guard var progress = jobs[token], case .parts(let next, let done, let total) = progress.stage else {
            return false
        }
        progress.underWay -= 1
        progress.stage = .parts(next: next, done: done + 1, total: total)
        guard !progress.isStopped else { return settle(token, progress) }
        if done + 1 == total, progress.growth == .none {
            progress.stage = .finishable
            turns.prepend(token)
        }
        jobs[token] = progress
        return false
    }

    /// The job has been put together, and is gone.
    mutating func finished(_ token: ClaimToken) {
        jobs[token] = nil
        goOn(token)
    }

    /// A step went wrong, which stops the job. Says whether it is gone.
    mutating func failed(_ token: ClaimToken) -> Bool {
        jobs[token]?.underWay -= 1
        return stop(token)
    }

    /// Gives no further step of this job. Says whether it is gone.
    mutating func stop(_ token: ClaimToken) -> Bool {
        guard var progress = jobs[token] else { return false }
        progress.isStopped = true
        turns.removeAll { $0 == token }
        return settle(token, progress)
    }

    /// A stopped job is gone when nobody works on it.
    private mutating func settle(_ token: ClaimToken, _ progress: Progress) -> Bool {
        jobs[token] = progress.underWay == 0 ? nil : progress
        if progress.underWay == 0 { goOn(token) }
        return progress.underWay == 0
    }
}
