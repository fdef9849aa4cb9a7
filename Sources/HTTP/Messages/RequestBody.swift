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
        private var ready: ArraySlice<[UInt8]>
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
            self.ready = ready[...]
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
            if ready.isEmpty, let more = try await mailbox?.take() { ready = more[...] }
            return ready.popFirst()
        }
    }
}
