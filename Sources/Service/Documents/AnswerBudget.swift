import Jobs
import Synchronization

/// Bounds the memory of large answers that clients are still taking.
///
/// A result of hours of video is a hundred megabytes of JSON; a few clients that ask and then do not read would hold
/// gigabytes. Small answers are not counted, and a single one always fits.
///
/// It is as with the room for uploads: a client that takes its answer more slowly than the size allows is left in peace
/// as long as nobody else needs the room. Then its connection is cut, the one that is behind the most first, and no more
/// of them than have to be. What was cut counts as free at once, and is so as soon as its stream has heard of it.
final class AnswerBudget: Sendable {
    /// Answers up to this size are not counted, in bytes.
    static let small = 1 << 20

    private struct Holding {
        let client: String
        var bytes: Int
        /// Until when the client is in time, if it takes nothing before; nil while that is not up to it.
        var due: MonotonicTime?
        /// Whether the answer was begun and not taken to its end.
        var isUnderWay = false
        /// Ends the client's connection, and with it whatever refers to the share.
        var cut: (@Sendable () -> Void)?
    }

    private struct State {
        var held = 0
        var holdings: [Int: Holding] = [:]
        var lastNumber = 0
        /// The clients that lately did not take an answer to its end.
        var breakers = Breakers()

        mutating func insert(_ one: Holding, _ number: Int) {
            holdings[number] = one
            held += one.bytes
        }

        /// Takes an answer out of the books, if it is in them.
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
    init(limit: Int, clock: any JobClock) {
        self.limit = limit
        self.clock = clock
    }

    /// Bytes that are held now.
    var heldBytes: Int { state.withLock { $0.held } }

    /// Takes room for an answer of `bytes`; nil where others hold too much. It is given back when the share goes away.
    func take(_ bytes: Int, for client: String = "") -> Share? {
        guard bytes > Self.small else { return Share(nil, of: self) }
        let now = clock.now
        let (number, lost) = state.withLock { state -> (Int?, [Holding]) in
            guard let late = lateOnes(in: state, toMakeRoomFor: bytes, now: now) else { return (nil, []) }
            let lost = late.compactMap { state.remove($0) }
            for one in lost { state.breakers.note(one.client, now: now, for: pace.memory) }
            state.lastNumber += 1
            state.insert(Holding(client: client, bytes: bytes), state.lastNumber)
            return (state.lastNumber, lost)
        }
        for one in lost { one.cut?() }
        return number.map { Share($0, of: self) }
    }

    /// Those that have to go for so much more, nobody where it fits; nil where it would not fit nevertheless.
    private func lateOnes(in state: State, toMakeRoomFor bytes: Int, now: MonotonicTime) -> [Int]? {
        var held = state.held
        if held == 0 || held + bytes <= limit { return [] }
        var late = state.holdings.compactMap { number, one in
            one.due.flatMap { $0 <= now ? (number: number, due: $0, bytes: one.bytes) : nil }
        }
        late.sort { ($0.due, $0.number) < ($1.due, $1.number) }
        for (index, one) in late.enumerated() {
            held -= one.bytes
            if held == 0 || held + bytes <= limit { return late[...index].map(\.number) }
        }
        return nil
    }

    private func begin(_ number: Int, bytes: Int?, cut: @escaping @Sendable () -> Void) {
        let now = clock.now
        state.withLock { state in
            guard var one = state.remove(number) else { return }
            one.bytes = bytes ?? one.bytes
            one.due = state.breakers.knows(one.client, now: now) ? now : now + pace.grace
            one.isUnderWay = true
            one.cut = cut
            state.insert(one, number)
        }
    }

    private func advance(_ number: Int, by bytes: Int) {
        let now = clock.now
        state.withLock { state in
            guard let one = state.holdings[number], let due = one.due else { return }
            state.holdings[number]?.due = pace.due(due, after: bytes, of: one.bytes, now: now)
        }
    }

    private func end(_ number: Int) {
        state.withLock { state in
            state.holdings[number]?.due = nil
            state.holdings[number]?.isUnderWay = false
        }
    }

    private func release(_ number: Int) {
        let now = clock.now
        state.withLock { state in
            guard let one = state.remove(number), one.isUnderWay else { return }
            state.breakers.note(one.client, now: now, for: pace.memory)
        }
    }

    /// What an answer takes of the budget, for as long as it is referred to.
    final class Share: Sendable {
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

        /// The client can take the answer, of which `bytes` are held, from now on. Where it is too slow and others need the
        /// room, `cut` is called.
        func begin(holding bytes: Int? = nil, cut: @escaping @Sendable () -> Void) {
            if let number { budget.begin(number, bytes: bytes, cut: cut) }
        }

        /// The client has taken so much of it.
        func sent(_ bytes: Int) {
            if let number { budget.advance(number, by: bytes) }
        }

        /// The client has taken all of it.
        func end() {
            if let number { budget.end(number) }
        }
    }
}
