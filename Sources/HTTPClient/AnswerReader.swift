import Platform

/// A whole answer.
public struct Answer: Equatable, Sendable {
    /// What counts of its head.
    public let head: AnswerHead
    /// The body without its framing.
    public internal(set) var body: [UInt8] = []
    /// Bytes as they came, from the first one of the first head on.
    public internal(set) var received = 0

    /// An answer from its parts.
    public init(head: AnswerHead, body: [UInt8] = []) {
        self.head = head
        self.body = body
    }

    /// The status, 101 or from 200 to 599.
    public var status: Int { head.status }
    /// The field Content-Type; empty where there is none.
    public var contentType: String { head.contentType ?? "" }
    /// Whether the server ends the connection after it.
    public var closes: Bool { head.closes }
}

/// Takes answers off a connection as their bytes come (RFC 9112): just what a client needs that sends one request at a
/// time. What was announced reserves nothing.
public struct AnswerReader: Sendable {
    private enum Place {
        case head
        /// So much of the body is to come.
        case length(Int)
        case untilEnd
        case chunkSize
        case chunk(Int)
        case chunkEnd
        case trailer
    }

    /// What a line of a chunked body, and all its trailers, have at most.
    private static let largestLine = 16 << 10

    /// A larger body is refused.
    public var largestBody: Int
    private var place = Place.head
    private var headReader = AnswerHeadReader()
    private var answer: Answer?
    private var line: [UInt8] = []
    private var trailerBytes = 0
    private var received = 0

    /// - Parameter largestBody: a larger one is refused
    public init(largestBody: Int = 1 << 30) {
        self.largestBody = largestBody
    }

    /// Takes bytes from `position` on, up to the end of an answer. After it the next one begins.
    ///
    /// - Returns: the answer, once it is whole
    public mutating func consume(
        _ bytes: Span<UInt8>, at position: inout Int
    ) throws(AnswerError) -> Answer? {
        let start = position
        defer { received += position - start }
        // What needs no byte to be whole, such as an empty body, is so at once.
        while true {
            switch place {
            case .head:
                guard let head = try headReader.consume(bytes, at: &position) else { return nil }
                try begin(head)
            case .length(let left):
                let taken = take(left, of: bytes, at: &position)
                guard taken == left else {
                    place = .length(left - taken)
                    return nil
                }
                return finish(after: position - start)
            case .untilEnd:
                let room = largestBody - (answer?.body.count ?? 0)
                guard bytes.count - position <= room else { throw .tooLarge(largestBody) }
                _ = take(room, of: bytes, at: &position)
                return nil
            case .chunkSize:
                guard let size = try chunkSize(bytes, at: &position) else { return nil }
                place = size > 0 ? .chunk(size) : .trailer
            case .chunk(let left):
                let taken = take(left, of: bytes, at: &position)
                guard taken == left else {
                    place = .chunk(left - taken)
                    return nil
                }
                place = .chunkEnd
            case .chunkEnd:
                guard let count = try readLine(bytes, at: &position, most: 2) else { return nil }
                guard count == 0 else { throw .chunk }
                place = .chunkSize
            case .trailer:
                guard let count = try readLine(bytes, at: &position, most: Self.largestLine - trailerBytes) else {
                    return nil
                }
                trailerBytes += count + 2
                if count == 0 { return finish(after: position - start) }
            }
        }
    }

    /// The answer whose end is that of the connection; nil where one is missing something, or none has begun.
    public mutating func end() -> Answer? {
        guard case .untilEnd = place else { return nil }
        return finish(after: 0)
    }

    /// The head of an answer that is not whole yet.
    public var head: AnswerHead? { answer?.head }

    /// How many heads were passed over that only announced an answer.
    var announcements: Int { headReader.announcements }

    /// What has come of the body of an answer that is not whole yet: it is the caller's from now on, and no part of the
    /// answer.
    public mutating func takeBody() -> [UInt8] {
        guard let body = answer?.body, !body.isEmpty else { return [] }
        answer?.body = []
        return body
    }

    private mutating func begin(_ head: AnswerHead) throws(AnswerError) {
        answer = Answer(head: head)
        switch head.framing {
        case .length(let length):
            guard length <= largestBody else { throw .tooLarge(largestBody) }
            place = .length(length)
        case .chunked: place = .chunkSize
        case .untilEnd: place = .untilEnd
        case .unclear(let error): throw error
        }
    }

    /// - Parameter taken: what `consume` has taken, and counts when it returns: it belongs to this answer, not to the next
    private mutating func finish(after taken: Int) -> Answer? {
        var whole = answer
        whole?.received = received + taken
        answer = nil
        place = .head
        trailerBytes = 0
        headReader.beginAgain()
        received = -taken
        return whole
    }

    private mutating func take(_ most: Int, of bytes: Span<UInt8>, at position: inout Int) -> Int {
        let count = min(most, bytes.count - position)
        guard count > 0 else { return 0 }
        bytes.extracting(position..<position + count).withUnsafeBufferPointer { answer?.body.append(contentsOf: $0) }
        position += count
        return count
    }

    private mutating func chunkSize(_ bytes: Span<UInt8>, at position: inout Int) throws(AnswerError) -> Int? {
        guard let count = try readLine(bytes, at: &position, most: Self.largestLine) else { return nil }
        let digits = line.prefix(count).prefix { ASCII.hexValue($0) != nil }
        let rest = line.prefix(count).dropFirst(digits.count).drop(while: ASCII.isBlank)
        guard (1...15).contains(digits.count), rest.isEmpty || rest.first == ASCII.semicolon else { throw .chunk }
        let size = digits.reduce(0) { $0 << 4 | Int(ASCII.hexValue($1) ?? 0) }
        guard size <= largestBody - (answer?.body.count ?? 0) else { throw .tooLarge(largestBody) }
        return size
    }

    /// Reads on to the end of a line, whose bytes are then at the beginning of `line`.
    ///
    /// - Returns: how many they are, without CR LF; nil where more has to come
    private mutating func readLine(
        _ bytes: Span<UInt8>, at position: inout Int, most: Int
    ) throws(AnswerError) -> Int? {
        if line.last == ASCII.lineFeed { line.removeAll(keepingCapacity: true) }
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            line.append(byte)
            guard line.count <= most else { throw .chunk }
            guard byte == ASCII.lineFeed else { continue }
            guard line.count > 1, line[line.count - 2] == ASCII.carriageReturn else { throw .bareLineFeed }
            return line.count - 2
        }
        return nil
    }
}
