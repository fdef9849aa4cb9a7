/// Bytes that are to be sent, in order: small ones gathered in one buffer, large bodies as they are.
struct OutputQueue: Sendable {
    /// Up to this size, copying is cheaper than another vector.
    private static let largestCopy = 4 << 10
    /// No piece is added to a segment of this size: one that never ends would never be let go of.
    private static let largestOpen = 64 << 10

    private var segments: [[UInt8]] = []
    /// Segments before this one are sent, and this one up to `sentOfFirst`.
    private var first = 0
    private var sentOfFirst = 0
    /// Whether the last segment is one that small pieces are added to.
    private var lastIsOpen = false
    /// The bytes that are waiting.
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }

    /// Adds a piece.
    mutating func append(_ bytes: [UInt8]) {
        guard !bytes.isEmpty else { return }
        if bytes.count <= Self.largestCopy {
            build { $0 += bytes }
        } else {
            segments.append(bytes)
            lastIsOpen = false
            count += bytes.count
        }
    }

    /// Adds what `write` appends to the buffer that it is given.
    mutating func build(_ write: (inout [UInt8]) -> Void) {
        if !lastIsOpen || segments[segments.count - 1].count >= Self.largestOpen {
            segments.append([])
            segments[segments.count - 1].reserveCapacity(512)
            lastIsOpen = true
        }
        let last = segments.count - 1
        let before = segments[last].count
        write(&segments[last])
        count += segments[last].count - before
    }

    /// Lends the waiting segments, at most `limit` of them, to be sent by one call.
    func withSegments<Result>(limit: Int, _ body: (ArraySlice<[UInt8]>, _ sentOfFirst: Int) -> Result) -> Result {
        body(segments[first...].prefix(limit), sentOfFirst)
    }

    /// Forgets bytes that have been sent.
    mutating func advance(by sent: Int) {
        count -= sent
        if count <= 0 {
            self = OutputQueue()
            return
        }
        var left = sent
        while left >= segments[first].count - sentOfFirst {
            left -= segments[first].count - sentOfFirst
            segments[first] = []
            first += 1
            sentOfFirst = 0
        }
        sentOfFirst += left
        if first > 32 {
            segments.removeFirst(first)
            first = 0
        }
    }
}
