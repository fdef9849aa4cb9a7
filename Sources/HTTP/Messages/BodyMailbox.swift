import Synchronization

/// Where the event loop leaves the pieces of a body and the handler's task picks them up.
///
/// This is the one place that a request shares between two threads. All of it is inside the mutex; the continuation is
/// taken out under the lock and resumed after it, by whoever took it, so that it is resumed exactly once; and the
/// calls to `signal` happen outside the lock, so that the loop may call in from there.
final class BodyMailbox: Sendable {
    /// What the handler tells the loop.
    enum Signal: Sendable {
        /// The handler has asked for the body for the first time.
        case wanted
        /// A full mailbox has been emptied: reading can go on.
        case roomAgain
    }

    private typealias Waiter = CheckedContinuation<Void, Never>

    private struct Contents {
        var pieces: [[UInt8]] = []
        var bytes = 0
        var ending: Result<Void, BodyError>?
        var isFull = false
        var wasPulled = false
        var waiter: Waiter?
        var signal: (@Sendable (Signal) -> Void)?
    }

    /// What a piece takes beside its bytes, so that a body in drips is counted for what it costs.
    private static let costOfPiece = 64

    private let capacity: Int
    private let contents: Mutex<Contents>

    /// - Parameters:
    ///   - capacity: the bytes it takes before it says that it is full.
    ///   - signal: called from the handler's thread.
    init(capacity: Int, signal: @escaping @Sendable (Signal) -> Void) {
        self.capacity = capacity
        contents = Mutex(Contents(signal: signal))
    }

    /// Leaves a piece; called by the loop, which calls `wake()` once it has left all that came at once.
    ///
    /// - Returns: whether there is room for more. After false, `roomAgain` is signalled once there is.
    func put(_ piece: [UInt8]) -> Bool {
        contents.withLock { contents in
            contents.pieces.append(piece)
            contents.bytes += piece.count + Self.costOfPiece
            if contents.bytes >= capacity { contents.isFull = true }
            return !contents.isFull
        }
    }

    /// Wakes the handler where it waits for what has been left; to wake it for each piece costs as much as reading it.
    func wake() {
        contents.withLock { $0.pieces.isEmpty ? nil : $0.waiter.take() }?.resume()
    }

    /// Says that no piece will follow; called by the loop. The first ending stands.
    func end(_ ending: Result<Void, BodyError>) {
        let waiter = contents.withLock { contents -> Waiter? in
            if contents.ending == nil { contents.ending = ending }
            return contents.waiter.take()
        }
        waiter?.resume()
    }

    /// Ends it if need be, and lets go of the connection; called by the loop when the exchange is over.
    func detach() {
        end(.failure(.closedEarly))
        contents.withLock { $0.signal = nil }
    }

    /// Everything that is there; waits for at least one piece.
    ///
    /// - Returns: the pieces, or nil at the end of the body.
    func take() async throws(BodyError) -> [[UInt8]]? {
        while true {
            let (found, signals, signal) = contents.withLock { Self.collect(&$0) }
            for each in signals { signal?(each) }
            switch found {
            case .pieces(let pieces): return pieces
            case .ended(let ending):
                try ending.get()
                return nil
            case .nothing: break
            }
            await wait()
            if Task.isCancelled { throw .cancelled }
        }
    }

    private enum Found {
        case pieces([[UInt8]])
        case ended(Result<Void, BodyError>)
        case nothing
    }

    private static func collect(
        _ contents: inout Contents
    ) -> (Found, [Signal], (@Sendable (Signal) -> Void)?) {
        var signals: [Signal] = []
        if !contents.wasPulled {
            contents.wasPulled = true
            signals.append(.wanted)
        }
        if !contents.pieces.isEmpty {
            let pieces = contents.pieces
            contents.pieces = []
            contents.bytes = 0
            if contents.isFull { signals.append(.roomAgain) }
            contents.isFull = false
            return (.pieces(pieces), signals, contents.signal)
        }
        if let ending = contents.ending { return (.ended(ending), signals, contents.signal) }
        return (.nothing, signals, contents.signal)
    }

    /// Returns when something may have changed: a piece, the end, or the task's cancellation.
    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (waiter: Waiter) in
                let mustWait = contents.withLock { contents in
                    let isSettled = !contents.pieces.isEmpty || contents.ending != nil || Task.isCancelled
                    // Bodies have one reader; a second one would take the first one's place, so it goes on at once.
                    guard !isSettled, contents.waiter == nil else { return false }
                    contents.waiter = waiter
                    return true
                }
                if !mustWait { waiter.resume() }
            }
        } onCancel: {
            contents.withLock { $0.waiter.take() }?.resume()
        }
    }
}
