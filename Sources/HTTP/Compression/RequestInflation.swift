import Zlib

/// Inflates bodies that are sent with a Content-Encoding, as their handler reads them.
///
/// Another coding than gzip and deflate is answered with 415 before the body is asked for. An inflated body has the
/// route's limit, just as the compressed one.
public struct RequestInflation: Middleware {
    /// The defaults.
    public init() {}

    /// See `Middleware`.
    public func answer(_ request: Request, on route: Route, by handler: Handler.Deferred) async throws -> Response {
        guard let limit = route.bodyLimit, let coding = try ContentCoding.ofBody(request.head.fields) else {
            return try await handler(request)
        }
        var request = request
        request.body = request.body.inflated(coding, limits: InflationLimits(maxBytes: limit))
        return try await handler(request)
    }
}

/// How far a compressed body may grow.
public struct InflationLimits: Sendable {
    /// Bytes of the inflated body.
    public var maxBytes: Int
    /// How many times its compressed size a body may have, once it has passed `ratioAppliesFrom`. Feature files have
    /// less than 10, zeros have 1,030.
    public var maxRatio = 200
    /// Bytes up to which the ratio does not matter.
    public var ratioAppliesFrom = 1 << 20

    /// The defaults, with a size.
    public init(maxBytes: Int) {
        self.maxBytes = maxBytes
    }
}

/// Inflates a body that comes in pieces, a piece of bounded size at a time.
///
/// What is held is zlib's window, the piece that came last and the piece that goes out, whatever the body claims to be.
/// It is given compressed bytes by `feed` once `next` has no more to give, and `finish` says that none will follow.
struct BodyInflation: ~Copyable {
    /// Bytes that are made at once.
    private static let pieceBytes = 64 << 10
    /// Members of a gzip body, each of which costs more than its twenty bytes.
    private static let mostMembers = 10_000

    private enum State {
        /// The first bytes of a deflate body, until it is known whether it has zlib's header.
        case beginning
        case within
        case ended
    }

    private let coding: ContentCoding
    private let limits: InflationLimits
    private var inflater: Inflater?
    private var state = State.beginning
    private var input: [UInt8] = []
    /// How much of `input` is used.
    private var position = 0
    /// Whether zlib may hold more than the last piece had room for.
    private var isFull = false
    private var compressedBytes = 0
    private var inflatedBytes = 0
    private var members = 1

    init(_ coding: ContentCoding, limits: InflationLimits) {
        self.coding = coding
        self.limits = limits
        inflater = nil
    }

    /// Takes the next compressed bytes in.
    mutating func feed(_ bytes: [UInt8]) {
        input = position == input.count ? bytes : Array(input[position...]) + bytes
        position = 0
    }

    /// The next piece of the inflated body, nil where more has to be fed first.
    mutating func next() throws(BodyError) -> [UInt8]? {
        while position < input.count || isFull {
            switch state {
            case .beginning: guard try begin() else { return nil }
            case .within:
                let piece = try inflate()
                if !piece.isEmpty { return piece }
            case .ended: try goOn()
            }
        }
        return nil
    }

    /// Says that the compressed body has come to its end.
    func finish() throws(BodyError) {
        guard case .ended = state else {
            throw .malformedCoding("the \(coding.rawValue) data ends before its end marker")
        }
    }

    /// - Returns: whether enough has come to begin.
    private mutating func begin() throws(BodyError) -> Bool {
        var wrapping = coding.wrapping
        if coding == .deflate {
            guard input.count - position >= 2 else { return false }
            if !Self.isZlibHeader(input[position], input[position + 1]) { wrapping = .raw }
        }
        inflater = Inflater(wrapping)
        guard inflater != nil else { throw .malformedCoding("zlib has no memory") }
        state = .within
        return true
    }

    /// Old clients send bare deflate data under this name; two bytes tell (RFC 1950, 2.2).
    private static func isZlibHeader(_ first: UInt8, _ second: UInt8) -> Bool {
        first & 0x0F == 8 && first >> 4 <= 7 && (Int(first) << 8 + Int(second)).isMultiple(of: 31)
    }

    private mutating func inflate() throws(BodyError) -> [UInt8] {
        let left = min(Self.pieceBytes, limits.maxBytes - inflatedBytes)
        // One byte of room beyond the limit tells a body that ends there from one that goes on.
        let room = left < Self.pieceBytes ? max(0, left) + 1 : left
        guard let (piece, used, outcome) = inflater?.step(input[position...], room: room) else { return [] }
        position += used
        compressedBytes += used
        inflatedBytes += piece.count
        isFull = piece.count == room
        if case .corrupt(let reason) = outcome {
            throw .malformedCoding("the \(coding.rawValue) data is damaged, \(reason)")
        }
        try checkSize()
        if case .ended = outcome {
            state = .ended
            isFull = false
            inflater = nil
        }
        return piece.count * 2 < room ? Array(piece[...]) : piece
    }

    private func checkSize() throws(BodyError) {
        guard inflatedBytes <= limits.maxBytes else { throw .tooLarge(limit: limits.maxBytes) }
        guard inflatedBytes > limits.ratioAppliesFrom else { return }
        guard inflatedBytes / limits.maxRatio <= compressedBytes else { throw .tooCompressed(times: limits.maxRatio) }
    }

    /// A gzip body is a series of members (RFC 1952, 2.2); anything else behind an end is refused.
    private mutating func goOn() throws(BodyError) {
        guard coding == .gzip, input[position] == 0x1F else {
            throw .malformedCoding("something follows the end of the \(coding.rawValue) data")
        }
        members += 1
        guard members <= Self.mostMembers else {
            throw .malformedCoding("the body has more than \(Self.mostMembers) gzip members")
        }
        state = .beginning
    }
}
