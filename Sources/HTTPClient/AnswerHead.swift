import Platform

/// What counts of an answer's head.
public struct AnswerHead: Equatable, Sendable {
    /// How the body is delimited (RFC 9112, 6.3).
    public enum Framing: Equatable, Sendable {
        /// By its length.
        case length(Int)
        /// By its chunks.
        case chunked
        /// By the end of the connection.
        case untilEnd
        /// The head says what can't be; it counts as soon as somebody wants the body.
        case unclear(AnswerError)
    }

    /// The status, 101 or from 200 to 599.
    public let status: Int
    /// The body's delimiter.
    public internal(set) var framing: Framing
    /// Whether the server ends the connection after the answer.
    public internal(set) var closes: Bool
    /// The field Content-Type as it came.
    public internal(set) var contentType: String?
    /// The field Retry-After as it came.
    public internal(set) var retryAfter: String?
    /// Whether the field Idempotency-Replayed says that the answer is of an earlier request with the same key.
    public internal(set) var isReplay = false

    /// A head from its parts.
    public init(
        status: Int, framing: Framing = .untilEnd, closes: Bool = false, contentType: String? = nil,
        retryAfter: String? = nil
    ) {
        self.status = status
        self.framing = framing
        self.closes = closes
        self.contentType = contentType
        self.retryAfter = retryAfter
    }

    /// How many bytes of body follow; nil where only the end of the connection, or a coding, tells.
    public var bodyLength: Int? { if case .length(let length) = framing { length } else { nil } }
}

/// Reads the head of an answer as it comes, and passes over those that only announce it (1xx).
///
/// Status line and fields end in CR LF; of the fields only a few are looked at (RFC 9112, 4 and 5).
public struct AnswerHeadReader: Sendable {
    /// All heads together have at most so many bytes.
    public static let maxBytes = 16 << 10

    private var line: [UInt8] = []
    private var count = 0
    private var head: AnswerHead?
    private var length: AnswerHead.Framing?
    private var coding: AnswerHead.Framing?
    /// How many heads were passed over that only announced an answer.
    private(set) var announcements = 0

    /// A reader at the beginning of an answer.
    public init() {}

    /// The next byte is the first one of another answer.
    mutating func beginAgain() { count = 0 }

    /// Takes bytes from `position` on, up to the end of the head.
    ///
    /// - Returns: the head, once it is there
    public mutating func consume(
        _ bytes: Span<UInt8>, at position: inout Int
    ) throws(AnswerError) -> AnswerHead? {
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            count += 1
            guard count <= Self.maxBytes else { throw .tooLong }
            line.append(byte)
            guard byte == ASCII.lineFeed else { continue }
            guard line.count > 1, line[line.count - 2] == ASCII.carriageReturn else { throw .bareLineFeed }
            let text = line.dropLast(2)
            defer { line.removeAll(keepingCapacity: true) }
            if let finished = try take(text) { return finished }
        }
        return nil
    }

    private mutating func take(_ line: ArraySlice<UInt8>) throws(AnswerError) -> AnswerHead? {
        guard head != nil else {
            let (status, isOld) = try Self.status(line)
            head = AnswerHead(status: status, closes: isOld)
            (length, coding) = (nil, nil)
            return nil
        }
        if line.isEmpty { return finish() }
        // A line that goes on with the one before it (obs-fold) says nothing that is looked at.
        if let first = line.first, ASCII.isBlank(first) { return nil }
        guard let colon = line.firstIndex(of: ASCII.colon) else { throw .noColon }
        let name = line[..<colon]
        // By its length first: most fields are passed over.
        switch name.count {
        case 10 where ASCII.equal(name, lowercase: "connection"):
            let value = Self.value(line, after: colon)
            if ASCII.equal(value, lowercase: "close") { head?.closes = true }
            if ASCII.equal(value, lowercase: "keep-alive") { head?.closes = false }
        case 11 where ASCII.equal(name, lowercase: "retry-after"):
            head?.retryAfter = String(decoding: Self.value(line, after: colon), as: UTF8.self)
        case 12 where ASCII.equal(name, lowercase: "content-type"):
            head?.contentType = String(decoding: Self.value(line, after: colon), as: UTF8.self)
        case 14 where ASCII.equal(name, lowercase: "content-length"):
            let read =
                ASCII.number(Self.value(line, after: colon), most: 15)
                .map { AnswerHead.Framing.length($0) } ?? .unclear(.length)
            length = length == nil || length == read ? read : .unclear(.length)
        case 17 where ASCII.equal(name, lowercase: "transfer-encoding"):
            let isChunked = ASCII.equal(Self.value(line, after: colon), lowercase: "chunked")
            coding = coding == nil && isChunked ? .chunked : .unclear(.coding)
        case 20 where ASCII.equal(name, lowercase: "idempotency-replayed"):
            head?.isReplay = ASCII.equal(Self.value(line, after: colon), lowercase: "true")
        default: break
        }
        return nil
    }

    private mutating func finish() -> AnswerHead? {
        guard var finished = head else { return nil }
        head = nil
        // 101 is an answer too: another protocol, that nobody asked for.
        guard finished.status >= 200 || finished.status == 101 else {
            announcements += 1
            return nil
        }
        finished.framing = coding ?? length ?? .untilEnd
        if [101, 204, 304].contains(finished.status) { finished.framing = .length(0) }
        if finished.status == 101 || finished.framing == .untilEnd { finished.closes = true }
        return finished
    }

    /// `HTTP/1.1 200 OK`, with or without the words at the end.
    private static func status(_ line: ArraySlice<UInt8>) throws(AnswerError) -> (Int, isOld: Bool) {
        let version = line.prefix(9)
        let rest = line.dropFirst(9)
        guard version.count == 9, version.starts(with: "HTTP/1.".utf8), version.last == ASCII.space,
            ASCII.isDigit(version[version.startIndex + 7]),
            let status = ASCII.number(rest.prefix(3), most: 3), (100...599).contains(status),
            rest.count == 3 || rest.dropFirst(3).first == ASCII.space
        else { throw .notHTTP(excerpt(of: line)) }
        return (status, version[version.startIndex + 7] == ASCII.zero)
    }

    /// What a line begins with, as one can show it.
    private static func excerpt(of line: ArraySlice<UInt8>) -> String {
        String(decoding: line.prefix(40).map { (0x20..<0x7F).contains($0) ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
    }

    private static func value(_ line: ArraySlice<UInt8>, after colon: Int) -> ArraySlice<UInt8> {
        var bytes = line[(colon + 1)...].drop(while: ASCII.isBlank)
        while let last = bytes.last, ASCII.isBlank(last) { bytes.removeLast() }
        return bytes
    }
}

/// When a server wants to be asked again (RFC 9110, 10.2.3).
public enum RetryAfter {
    /// No server is waited for longer.
    public static let longest = Duration.seconds(86_400)

    /// Reads seconds, or a date such as `Sun, 06 Nov 1994 08:49:37 GMT`; nil for anything else.
    ///
    /// - Parameters:
    ///   - text: the field Retry-After
    ///   - now: seconds since 1970, which a date is counted from
    /// - Returns: from nothing to a day
    public static func delay(_ text: String, now: Int) -> Duration? {
        let digits = text.utf8
        if !digits.isEmpty, digits.allSatisfy(ASCII.isDigit) {
            // More digits than that are more than a day, whatever they are.
            guard let seconds = ASCII.number(digits.drop { $0 == UInt8(ascii: "0") }, most: 9) else {
                return digits.allSatisfy { $0 == UInt8(ascii: "0") } ? .zero : longest
            }
            return min(.seconds(seconds), longest)
        }
        return date(text).map { min(max(.seconds($0 - now), .zero), longest) }
    }

    /// Seconds since 1970 of a date as HTTP writes it.
    private static func date(_ text: String) -> Int? {
        let parts = text.pieces(between: ASCII.space)
        guard parts.count == 6, parts[5] == "GMT", parts[0].utf8.count == 4, parts[0].ends(with: ","),
            let day = ASCII.number(parts[1].utf8, most: 2),
            let month = CalendarDate.monthNames.firstIndex(of: String(parts[2])),
            parts[3].utf8.count == 4, let year = ASCII.number(parts[3].utf8, most: 4)
        else { return nil }
        let clock = parts[4].pieces(between: ASCII.colon)
            .compactMap { $0.utf8.count == 2 ? ASCII.number($0.utf8, most: 2) : nil }
        guard clock.count == 3, (1...31).contains(day), clock[0] < 24, clock[1] < 60, clock[2] <= 60 else { return nil }
        let days = CalendarDate(year: year, month: month + 1, day: day).daysSince1970
        return days * 86_400 + clock[0] * 3600 + clock[1] * 60 + clock[2]
    }
}
