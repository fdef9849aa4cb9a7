import Jobs
import Platform
import Synchronization

/// Bounds the memory of large answers that clients are still taking.
///
/// A result of hours of video is a hundred megabytes of JSON; a few clients that ask and then do not read would hold
/// gigabytes. Small answers are not counted, and a single one always fits.
///
/// It is as with the room for uploads: a client that takes its answer more slowly than the size allows is left in peace
/// as long as nobody else needs the room. Then its connection is cut. An answer that several clients take at once is held
/// once, and goes when the last of them is behind; the one that is behind the most goes first, and no more of them than
/// have to. What was cut counts as free at once, and is so as soon as its streams have heard of it.
package final class AnswerBudget: Sendable {
    /// Answers up to this size are not counted, in bytes.
    package static let small = 1 << 20

    /// A client that takes an answer.
    private struct Taker {
        let client: String
        /// Until when the client is in time, if it takes nothing before.
        var due: MonotonicTime
        /// Ends the client's connection, and with it its reference to the answer.
        let cut: @Sendable () -> Void
    }

    private struct Holding {
        var bytes: Int
        var takers: [Int: Taker] = [:]

        /// Since when all who take it are behind; nil while nobody does or one is in time.
        func late(now: MonotonicTime) -> MonotonicTime? {
            takers.values.map(\.due).max().flatMap { $0 <= now ? $0 : nil }
        }
    }

    private struct State {
        var held = 0
        var holdings: [Int: Holding] = [:]
        var lastNumber = 0
        /// The clients that lately did not take an answer to its end.
        var breakers = Breakers()

        /// A number that nothing else has.
        mutating func next() -> Int {
            lastNumber += 1
            return lastNumber
        }

        /// Takes an answer out of the books, if it is in them.
        @discardableResult
        mutating func remove(_ number: Int) -> Holding? {
            guard let one = holdings.removeValue(forKey: number) else { return nil }
            held -= one.bytes
            return one
        }
    }

    private let limit: Int
    private let pace = Backlog.Pace()
    private let clock: any JobClock
    private let state = Mutex(State())

    /// A budget of so many bytes.
    package init(limit: Int, clock: any JobClock) {
        self.limit = limit
        self.clock = clock
    }

    /// Bytes that are held now.
    package var heldBytes: Int { state.withLock { $0.held } }

    /// Takes room for an answer of `bytes`; nil where others hold too much. It is given back when the share goes away.
    package func take(_ bytes: Int) -> Share? {
        guard bytes > Self.small else { return Share(nil, of: self) }
        let now = clock.now
        let (number, lost) = state.withLock { state -> (Int?, [Taker]) in
            guard let late = lateOnes(in: state, toMakeRoomFor: bytes, now: now) else { return (nil, []) }
            let lost = late.flatMap { number in state.remove(number).map { Array($0.takers.values) } ?? [] }
            for one in lost { state.breakers.note(one.client, now: now, for: pace.memory) }
            let number = state.next()
            state.holdings[number] = Holding(bytes: bytes)
            state.held += bytes
            return (number, lost)
        }
        for one in lost { one.cut() }
        return number.map { Share($0, of: self) }
    }

    /// Those that have to go for so much more, nobody where it fits; nil where it would not fit nevertheless.
    private func lateOnes(in state: State, toMakeRoomFor bytes: Int, now: MonotonicTime) -> [Int]? {
        var held = state.held
        if held == 0 || held + bytes <= limit { return [] }
        var late = state.holdings.compactMap { number, one in
            one.late(now: now).map { (number: number, since: $0, bytes: one.bytes) }
        }
        late.sort { ($0.since, $0.number) < ($1.since, $1.number) }
        for (index, one) in late.enumerated() {
            held -= one.bytes
            if held == 0 || held + bytes <= limit { return late[...index].map(\.number) }
        }
        return nil
    }

    private func settle(_ number: Int, at bytes: Int) {
        state.withLock { state in
            guard let before = state.holdings[number]?.bytes else { return }
            state.holdings[number]?.bytes = bytes
            state.held += bytes - before
        }
    }

    private func begin(_ number: Int, for client: String, cut: @escaping @Sendable () -> Void) -> Int? {
        let now = clock.now
        return state.withLock { state in
            guard state.holdings[number] != nil else { return nil }
            let due = state.breakers.knows(client, now: now) ? now : now + pace.grace
            let taker = state.next()
            state.holdings[number]?.takers[taker] = Taker(client: client, due: due, cut: cut)
            return taker
        }
    }

    private func advance(_ taker: Int, of number: Int, by bytes: Int) {
        let now = clock.now
        state.withLock { state in
            guard let holding = state.holdings[number], let due = holding.takers[taker]?.due else { return }
            state.holdings[number]?.takers[taker]?.due = pace.due(due, after: bytes, of: holding.bytes, now: now)
        }
    }

    private func leave(_ taker: Int, of number: Int, hasAll: Bool) {
        let now = clock.now
        state.withLock { state in
            guard let one = state.holdings[number]?.takers.removeValue(forKey: taker), !hasAll else { return }
            state.breakers.note(one.client, now: now, for: pace.memory)
        }
    }

    private func release(_ number: Int) { state.withLock { _ = $0.remove(number) } }

    /// What an answer takes of the budget, for as long as it is referred to.
    package final class Share: Sendable {
        /// Nil for an answer that is not counted.
        private let number: Int?
        private let budget: AnswerBudget

        fileprivate init(_ number: Int?, of budget: AnswerBudget) {
            self.number = number
            self.budget = budget
        }

        deinit {
            if let number { budget.release(number) }
        }

        /// So many bytes are held in the end, where the share was taken by an estimate.
        package func settle(at bytes: Int) {
            if let number { budget.settle(number, at: bytes) }
        }

        /// A client can take the answer from now on. Where it is too slow and others need the room, `cut` is called.
        ///
        /// - Returns: nil where the room went to others meanwhile.
        package func begin(for client: String, cut: @escaping @Sendable () -> Void) -> Taking? {
            guard let number else { return Taking(nil, of: self) }
            return budget.begin(number, for: client, cut: cut).map { Taking($0, of: self) }
        }

        fileprivate func sent(_ bytes: Int, to taker: Int?) {
            if let number, let taker { budget.advance(taker, of: number, by: bytes) }
        }

        fileprivate func leave(_ taker: Int?, hasAll: Bool) {
            if let number, let taker { budget.leave(taker, of: number, hasAll: hasAll) }
        }
    }

    /// One client's taking of an answer. Where it goes away before its end, the client has broken the answer off.
    package final class Taking: Sendable {
        private let taker: Int?
        private let share: Share

        fileprivate init(_ taker: Int?, of share: Share) {
            self.taker = taker
            self.share = share
        }

        deinit { share.leave(taker, hasAll: false) }

        /// The client has taken so much more of it.
        package func sent(_ bytes: Int) { share.sent(bytes, to: taker) }

        /// The client has taken all of it.
        package func end() { share.leave(taker, hasAll: true) }
    }
}
