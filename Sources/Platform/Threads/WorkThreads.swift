import Dispatch
import Synchronization

/// Threads for what waits for a disk or another process, or computes for long, which Swift's may not: at most so many at a time.
/// Whichever is free takes what has waited longest; one that has had nothing to do for a while ends.
///
/// They are our own. On Linux a concurrent queue of Dispatch has the threads that Swift's tasks run on, as few as the processors:
/// two pieces of work that take seconds would hold up every task for as long.
public final class WorkThreads: Sendable {
    private struct State: Sendable {
        /// Each is told whether it is still wanted. Those that can't be left out have the number 0.
        var waiting: [(number: Int, work: @Sendable (Bool) -> Void)] = []
        var threads = 0
        var idle = 0
        var last = 0
        var isOver = false
    }

    private static let patience = Duration.seconds(10)
    private static let stackBytes = 8 << 20

    private let most: Int
    private let name: String
    private let monitor = Monitor(State())

    /// Has no thread until there is work.
    ///
    /// - Parameters:
    ///   - most: threads at a time
    ///   - name: what tools show of each
    public init(_ most: Int, name: String) {
        self.most = max(most, 1)
        self.name = name
    }

    deinit {
        monitor.withLock { $0.isOver = true }
        monitor.wakeAll()
    }

    /// Where one computes: more threads than processors would end nothing sooner.
    public static let computing = WorkThreads(max(2, ProcessLimits.atStart.threads), name: "vigil-long")

    /// Where one waits, for a disk or another process, and computes little.
    public static let blocking = WorkThreads(32, name: "vigil-waits")

    /// What waits for a thread.
    public var waiting: Int { monitor.withLock { $0.waiting.count } }

    /// A piece of work, and what it gave. Neither is held by the thread that did it once somebody is told that it is done: what they
    /// have hold of, a locked folder or room on a disk, goes when whoever waits lets go of it, and not a moment later.
    private final class Errand<Value: Sendable, Failure: Error>: Sendable {
        typealias Body = @Sendable () throws(Failure) -> Value

        private enum State {
            case undone(Body)
            case done(Result<Value, Failure>)
            case over
        }

        private let state: Mutex<State>

        init(_ body: @escaping Body) { state = Mutex(.undone(body)) }

        /// Does the work.
        func perform() {
            guard case .undone(let body) = take() else { return }
            let result = Result { () throws(Failure) in try body() }
            state.withLock { $0 = .done(result) }
        }

        /// What it gave, once; nil where it was left out.
        func result() -> Result<Value, Failure>? {
            guard case .done(let result) = take() else { return nil }
            return result
        }

        private func take() -> State {
            state.withLock { state in
                defer { state = .over }
                return state
            }
        }
    }

    /// Runs `body` on one of the threads, and gives what it gives.
    public func run<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value {
        let errand = Errand(body)
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            add(0) { _ in
                errand.perform()
                continuation.resume()
            }
        }
        // Work without a number is never left out; if it were, it would be done here.
        guard let result = errand.result() else { return try body() }
        return try result.get()
    }

    /// Runs `body` on one of the threads, unless the task is cancelled before one comes to it: then it is left out, and nil is given.
    public func runIfWanted<Value: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Value
    ) async throws(Failure) -> Value? {
        let number = monitor.withLock { state in
            state.last += 1
            return state.last
        }
        let errand = Errand(body)
        await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                add(number) { isWanted in
                    if isWanted { errand.perform() }
                    continuation.resume()
                }
                // A cancellation before this moment found nothing to leave out; one after it does.
                if Task.isCancelled { drop(number) }
            }
        } onCancel: {
            drop(number)
        }
        return try errand.result()?.get()
    }

    private func drop(_ number: Int) {
        let work = monitor.withLock { state in
            state.waiting.firstIndex { $0.number == number }.map { state.waiting.remove(at: $0).work }
        }
        work?(false)
    }

    private func add(_ number: Int, _ work: @escaping @Sendable (Bool) -> Void) {
        let needsThread = monitor.withLock { state in
            state.waiting.append((number, work))
            guard state.waiting.count > state.idle, state.threads < most else { return false }
            state.threads += 1
            return true
        }
        guard needsThread else { return monitor.wakeOne() }
        guard OwnThread.run(name: name, stackBytes: Self.stackBytes, { [monitor] in Self.work(monitor) }) != 0 else {
            return
        }
        let isAlone = monitor.withLock { state in
            state.threads -= 1
            return state.threads == 0
        }
        // Where the system gives no thread, better on one of Swift's than never.
        if isAlone { DispatchQueue.global().async { [monitor] in Self.drain(monitor) } }
    }

    /// A thread's life.
    private static func work(_ monitor: Monitor<State>) {
        while true {
            monitor.withLock { $0.idle += 1 }
            let work = monitor.wait(until: Deadline(in: patience)) { state -> (@Sendable (Bool) -> Void)?? in
                if state.waiting.isEmpty {
                    guard state.isOver else { return nil }
                    state.idle -= 1
                    state.threads -= 1
                    return .some(nil)
                }
                state.idle -= 1
                return state.waiting.removeFirst().work
            } late: { state in
                state.idle -= 1
                state.threads -= 1
            }
            guard case .some(.some(let work)) = work else { return }
            work(true)
        }
    }

    private static func drain(_ monitor: Monitor<State>) {
        while let work = monitor.withLock({ $0.waiting.isEmpty ? nil : $0.waiting.removeFirst().work }) { work(true) }
    }
}
