public import Platform
import Synchronization

/// A request's body, as pieces that come while the client sends them.
///
/// It is read once, by one task. A handler that stops asking stops the client: at most a few pieces wait here, and
/// the socket is not read meanwhile. A client that expects `100 Continue` gets it at the first call of `next()`.
public struct RequestBody: AsyncSequence, Sendable {
    /// A piece of the body, never empty.
    public typealias Element = [UInt8]
    /// What a body fails with.
    public typealias Failure = BodyError

    private enum Source: Sendable {
        case bytes([UInt8])
        case mailbox(BodyMailbox)
    }

    /// The length that the head declares, nil for a chunked body. It is within the route's limit.
    public private(set) var declaredLength: Int?
    private let source: Source
    private var inflation: (coding: ContentCoding, limits: InflationLimits)?

    /// No body.
    public static let empty = RequestBody([])

    /// A body that is there already, for tests of handlers.
    public init(_ bytes: [UInt8]) {
        source = .bytes(bytes)
        declaredLength = bytes.count
    }

    init(_ mailbox: BodyMailbox, declaredLength: Int?) {
        source = .mailbox(mailbox)
        self.declaredLength = declaredLength
    }

    /// Starts reading.
    public func makeAsyncIterator() -> AsyncIterator {
        switch source {
        case .bytes(let bytes): AsyncIterator(ready: bytes.isEmpty ? [] : [bytes], mailbox: nil, inflation)
        case .mailbox(let mailbox): AsyncIterator(ready: [], mailbox: mailbox, inflation)
        }
    }

    /// The body without its content coding, inflated as it is read; its length is not known beforehand.
    func inflated(_ coding: ContentCoding, limits: InflationLimits) -> RequestBody {
        var body = self
        body.inflation = (coding, limits)
        body.declaredLength = nil
        return body
    }

    /// Ends the body for whoever reads it with `BodyError.timedOut`, after what has come already.
    public func giveUp() {
        if case .mailbox(let mailbox) = source { mailbox.end(.failure(.timedOut)) }
    }

    /// When the last byte came, or the body ended without it; nil before, and of one that was there already.
    public var endedAt: MonotonicTime? {
        if case .mailbox(let mailbox) = source { mailbox.endedAt } else { nil }
    }

    /// The whole body as one array.
    ///
    /// - Parameter limit: the largest length in bytes that is taken.
    /// - Throws: `BodyError.tooLarge` as soon as it is known to be longer; and what `next()` throws.
    public func collect(upTo limit: Int) async throws(BodyError) -> [UInt8] {
        if let declaredLength, declaredLength > limit { throw .tooLarge(limit: limit) }
        var collected: [UInt8] = []
        var iterator = makeAsyncIterator()
        while let piece = try await iterator.next() {
            guard piece.count <= limit - collected.count else { throw .tooLarge(limit: limit) }
            if collected.isEmpty { collected = piece } else { collected += piece }
        }
        return collected
    }

    /// Reads the pieces one after the other.
    public struct AsyncIterator: AsyncIteratorProtocol {
        /// The next pieces, the last one first: what is taken from the end is held no more.
        private var ready: [[UInt8]]
        private let mailbox: BodyMailbox?
        private let inflation: Inflation?

        /// The state of inflating, which belongs to the iterator's one user.
        private final class Inflation {
            var body: BodyInflation

            init(_ coding: ContentCoding, limits: InflationLimits) {
                body = BodyInflation(coding, limits: limits)
            }
        }

        init(
            ready: [[UInt8]], mailbox: BodyMailbox?, _ inflation: (coding: ContentCoding, limits: InflationLimits)?
        ) {
            self.ready = ready.reversed()
            self.mailbox = mailbox
            self.inflation = inflation.map { Inflation($0.coding, limits: $0.limits) }
        }

        /// The next piece, nil at the end.
        public mutating func next() async throws(BodyError) -> [UInt8]? {
            try await next(isolation: nil)
        }

        /// The next piece, nil at the end.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(BodyError) -> [UInt8]? {
            guard let inflation else { return try await received(isolation: actor) }
            while true {
                if let piece = try inflation.body.next() { return piece }
                guard let piece = try await received(isolation: actor) else {
                    try inflation.body.finish()
                    return nil
                }
                inflation.body.feed(piece)
            }
        }

        /// The next piece as it was sent.
        private mutating func received(isolation actor: isolated (any Actor)?) async throws(BodyError) -> [UInt8]? {
            if ready.isEmpty, let more = try await mailbox?.take() { ready = more.reversed() }
            return ready.popLast()
        }
    }
}

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
        var endedAt: MonotonicTime?
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
            if contents.ending == nil {
                contents.ending = ending
                contents.endedAt = .now
            }
            return contents.waiter.take()
        }
        waiter?.resume()
    }

    /// When it was said that no piece will follow.
    var endedAt: MonotonicTime? { contents.withLock { $0.endedAt } }

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

/// Why a request body did not come to its end.
public enum BodyError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The body is larger than its route or the caller allows, in bytes.
    case tooLarge(limit: Int)
    /// The chunked coding was broken; the text says where and what was expected.
    case malformedChunk(String)
    /// The client ended or reset the connection inside the body.
    case closedEarly
    /// The client stopped sending, or sent too slowly.
    case timedOut
    /// The body is not what its Content-Encoding says; the text says how.
    case malformedCoding(String)
    /// The body inflates to more than this many times its size.
    case tooCompressed(times: Int)
    /// The task that waited for the body was cancelled.
    case cancelled

    /// One plain sentence.
    public var description: String {
        switch self {
        case .tooLarge(let limit): "The body is larger than the \(ByteCount(limit)) that are taken here."
        case .malformedChunk(let detail): "The chunked body is malformed: \(detail)."
        case .closedEarly: "The connection ended before the body did."
        case .timedOut: "The body came too slowly or not at all."
        case .malformedCoding(let detail): "The body's Content-Encoding does not hold: \(detail)."
        case .tooCompressed(let times):
            "The body inflates to more than \(times) times its size, and features to less than 10: where all of it is meant, "
                + "send it without Content-Encoding."
        case .cancelled: "The request was cancelled while its body was being read."
        }
    }
}

extension HTTPProblem {
    /// The answer to a body that could not be read.
    public init(_ error: BodyError) {
        switch error {
        case .tooLarge(let limit): self = .contentTooLarge(limit: limit)
        case .tooCompressed: self = .tooCompressed(error.description)
        case .timedOut: self = .requestTimeout(error.description)
        case .malformedCoding: self = .unreadableBody(error.description)
        case .malformedChunk, .closedEarly, .cancelled: self = .malformed(error.description)
        }
    }

    /// The answer to whatever a handler threw: its own problem, that of the body, or a plain 500.
    init(handlerError error: any Error) {
        switch error {
        case let problem as HTTPProblem: self = problem
        case let error as BodyError: self = HTTPProblem(error)
        default: self = .internalError
        }
    }
}
