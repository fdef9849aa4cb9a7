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
    public let declaredLength: Int?
    private let source: Source

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
        case .bytes(let bytes): AsyncIterator(ready: bytes.isEmpty ? [] : [bytes], mailbox: nil)
        case .mailbox(let mailbox): AsyncIterator(ready: [], mailbox: mailbox)
        }
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

        init(ready: [[UInt8]], mailbox: BodyMailbox?) {
            self.ready = ready[...]
            self.mailbox = mailbox
        }

        /// The next piece, nil at the end.
        public mutating func next() async throws(BodyError) -> [UInt8]? {
            try await next(isolation: nil)
        }

        /// The next piece, nil at the end.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(BodyError) -> [UInt8]? {
            if ready.isEmpty, let more = try await mailbox?.take() { ready = more[...] }
            return ready.popFirst()
        }
    }
}
