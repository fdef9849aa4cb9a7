import Platform
import Synchronization

/// Connections, each with a thread of its own that takes what waits: nobody else's thread ever waits for the database.
///
/// At most so many connections, and so many calls that wait; a call that has waited too long is told so, and one that comes
/// while the database is away is told at once between two tries to connect.
final class ConnectionPool: Sendable {
    /// How long a call may take: to wait for its turn, and then once more for the database.
    static let patience = Duration.seconds(10)
    /// The bytes that a slow network still moves in a second, for which more time is given.
    private static let slowestBytesPerSecond = 4 << 20

    /// A call, which has to be answered once.
    private struct Call: Sendable {
        let deadline: Deadline
        /// What it does, for measurements.
        let steps: Int
        let run: @Sendable (Result<Connection, PostgresError>) -> PostgresError?
    }

    private struct State: Sendable {
        var calls: [Call] = []
        var first = 0
        var isClosed = false
        var threads = 0
        /// No connection is tried before this.
        var notBefore = MonotonicTime(nanoseconds: .min)
        var failures = 0
        var lastFailure = PostgresError.unreachable("there was no connection yet", wasSent: false)
        /// When the database last did what it was asked to.
        var lastGood = MonotonicTime(nanoseconds: .min)

        var waiting: Int { calls.count - first }
    }

    let place: ConnectionPlace
    private let most: Int
    private let mostWaiting: Int
    private let done: (@Sendable (Duration, Int) -> Void)?
    private let keeping = KeptStatements()
    private let monitor = Monitor(State())

    /// A pool that has no connection yet.
    ///
    /// - Parameters:
    ///   - most: connections
    ///   - mostWaiting: calls that wait for one
    ///   - done: told how long each call took
    init(
        _ place: ConnectionPlace, most: Int, mostWaiting: Int = 4_096, done: (@Sendable (Duration, Int) -> Void)? = nil
    ) {
        self.done = done
        self.place = place
        self.most = max(most, 1)
        self.mostWaiting = mostWaiting
    }

    /// When the database last did what it was asked to.
    var lastGood: MonotonicTime { monitor.withLock { $0.lastGood } }

    /// Ends all connections, once those that are at work have done it.
    func close() {
        let left = monitor.withLock { state -> [Call] in
            state.isClosed = true
            defer { (state.calls, state.first) = ([], 0) }
            return Array(state.calls[state.first...])
        }
        monitor.wakeAll()
        for call in left { _ = call.run(.failure(.unreachable("the process is leaving", wasSent: false))) }
    }

    /// Runs `body` on one of the threads, with a connection.
    ///
    /// - Parameters:
    ///   - bytes: how much goes over the network, for which time is given
    ///   - steps: how many share its transaction
    ///   - isRepeatable: whether it may be done again where nobody knows whether it was done
    func run<Value: Sendable>(
        bytes: Int = 0, steps: Int = 1, isRepeatable: Bool = false,
        _ body: @escaping @Sendable (Session) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        var tries = 0
        while true {
            tries += 1
            do throws(PostgresError) { return try await once(bytes: bytes, steps: steps, body) } catch {
                let mayRepeat = error.isCollision || (error.isUnsent ? false : isRepeatable)
                guard mayRepeat, tries < 4 else { throw error }
            }
        }
    }

    private func once<Value: Sendable>(
        bytes: Int, steps: Int, _ body: @escaping @Sendable (Session) throws(PostgresError) -> Value
    ) async throws(PostgresError) -> Value {
        let time = Self.patience + .seconds(bytes / Self.slowestBytesPerSecond)
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<Value, PostgresError>, Never>) in
            add(
                Call(deadline: Deadline(in: Self.patience), steps: steps) { connection in
                    let result = Result { () throws(PostgresError) in
                        try body(Session(connection: try connection.get(), deadline: Deadline(in: time)))
                    }
                    continuation.resume(returning: result)
                    guard case .failure(let error) = result else { return nil }
                    return error
                })
        }
        return try result.get()
    }

    private func add(_ call: Call) {
        enum Outcome { case waits, needsThread, refused(PostgresError) }
        let outcome = monitor.withLock { state -> Outcome in
            if state.isClosed { return .refused(.unreachable("the process is leaving", wasSent: false)) }
            guard state.waiting < mostWaiting else {
                return .refused(.unreachable("\(state.waiting) calls wait for the database", wasSent: false))
            }
            state.calls.append(call)
            guard state.threads < most, state.waiting > 1 || state.threads == 0 else { return .waits }
            state.threads += 1
            return .needsThread
        }
        switch outcome {
        case .waits: monitor.wakeOne()
        case .needsThread:
            monitor.wakeOne()
            let code = OwnThread.run(name: "vigil-postgres", stackBytes: 1 << 20) { [self] in work() }
            if code != 0 { monitor.withLock { $0.threads -= 1 } }
        case .refused(let error): _ = call.run(.failure(error))
        }
    }

    /// What a thread does until the pool is closed.
    private func work() {
        var connection: Connection?
        while let call = next() {
            guard call.deadline.milliseconds > 0 else {
                _ = call.run(.failure(.unreachable("no connection was free in time", wasSent: false)))
                continue
            }
            connection?.checkIdle()
            if connection?.isBroken != false {
                connection?.close()
                connection = nil
                switch connect() {
                case .success(let new): connection = new
                case .failure(let error):
                    _ = call.run(.failure(error))
                    continue
                }
            }
            guard let current = connection else { continue }
            let began = MonotonicTime.now
            current.isUnconfirmed = false
            let failure = call.run(.success(current))
            if failure == nil { done?(.now - began, call.steps) }
            if let failure, failure.endsConnection {
                current.close()
                connection = nil
            }
            if failure == nil { monitor.withLock { $0.lastGood = .now } }
        }
        connection?.close()
        monitor.withLock { $0.threads -= 1 }
    }

    private func next() -> Call? {
        monitor.wait { state -> Call?? in
            if state.waiting > 0 {
                let call = state.calls[state.first]
                state.first += 1
                if state.first > 256, state.first * 2 > state.calls.count {
                    state.calls.removeFirst(state.first)
                    state.first = 0
                }
                return .some(call)
            }
            return state.isClosed ? .some(nil) : nil
        }
    }

    /// Connects, unless that failed a moment ago: then all who come are told the same, and not all try at once.
    private func connect() -> Result<Connection, PostgresError> {
        let failure = monitor.withLock { state in MonotonicTime.now < state.notBefore ? state.lastFailure : nil }
        if let failure { return .failure(failure) }
        let result = Result { () throws(PostgresError) in
            try Connection(place, keeping: keeping, until: Deadline(in: .seconds(5)))
        }
        monitor.withLock { state in
            switch result {
            case .success:
                state.failures = 0
                state.notBefore = MonotonicTime(nanoseconds: .min)
            case .failure(let error):
                state.failures = min(state.failures + 1, 6)
                state.lastFailure = error
                let most = Int64(50_000_000) << Int64(state.failures)
                state.notBefore = .now + .nanoseconds(Int64.random(in: most / 2...most))
            }
        }
        return result
    }
}

/// A connection in the hands of one call.
struct Session {
    let connection: Connection
    let deadline: Deadline

    /// Throws where a commit of this call may not be on the standby that it had to wait for.
    func checkConfirmed() throws(PostgresError) {
        if connection.isUnconfirmed { throw .unconfirmed }
    }

    /// Runs statements in one transaction, all of them or none.
    func run(_ statements: [Statement]) throws(PostgresError) -> [Rows] {
        try connection.run(statements, until: deadline)
    }

    /// Runs one statement.
    func run(_ sql: String, _ values: [Value] = []) throws(PostgresError) -> Rows {
        guard let rows = try run([Statement(sql, values)]).first else { throw .unreadable("no answer came") }
        return rows
    }
}
