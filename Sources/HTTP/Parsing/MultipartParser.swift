import Platform

/// Reads `multipart/form-data` from pieces as they arrive (RFC 7578; RFC 2046, 5.1).
///
/// What is held is at most the headers of one part and a boundary; content goes out as it comes, and the events' bytes
/// are the same however the body is cut.
public struct MultipartParser: Sendable {
    private enum State {
        /// Before the first boundary.
        case preamble
        /// Right behind a boundary: CR LF begins a part, two dashes end the body.
        case afterBoundary
        case headers
        case content
        case epilogue
    }

    /// CR LF, two dashes and the boundary.
    private let delimiter: [UInt8]
    private let limits: MultipartLimits
    private var state = State.preamble
    /// What can't be judged before more has come.
    private var pending: [UInt8]
    /// How many bytes of a part's headers are known not to begin their end.
    private var searchedHeaderBytes = 0
    /// Whether the line end that separates headers from content is still in front of the content.
    private var hasSeparator = false
    private var parts = 0
    private var surroundingBytes = 0

    /// - Parameters:
    ///   - contentType: the request's, with the boundary.
    ///   - limits: of parts and of their heads
    public init(contentType: MediaType, limits: MultipartLimits = MultipartLimits()) throws(MultipartError) {
        guard contentType.type == "multipart", let boundary = contentType["boundary"] else { throw .invalidBoundary }
        try self.init(boundary: boundary, limits: limits)
    }

    /// - Parameters:
    ///   - boundary: 1 to 70 characters.
    ///   - limits: of parts and of their heads
    public init(boundary: String, limits: MultipartLimits = MultipartLimits()) throws(MultipartError) {
        let bytes = Array(boundary.utf8)
        let isAllowed = bytes.allSatisfy { (0x20...0x7E).contains($0) && $0 != ASCII.quote }
        guard (1...70).contains(bytes.count), isAllowed, bytes.last != ASCII.space else { throw .invalidBoundary }
        delimiter = Array("\r\n--".utf8) + bytes
        self.limits = limits
        // As if a line had ended before the body, so that the first boundary is found like any other.
        pending = Array("\r\n".utf8)
    }

    /// Takes the next piece of the body.
    public mutating func consume(_ piece: [UInt8]) throws(MultipartError) -> [MultipartEvent] {
        var events: [MultipartEvent] = []
        pending += piece
        var start = 0
        while try step(&start, &events) {}
        pending.removeFirst(start)
        return events
    }

    /// Says that the body is complete.
    public func finish() throws(MultipartError) {
        guard case .epilogue = state else { throw .endedEarly(part: max(1, parts)) }
    }

    /// Uses a part of `pending` from `start` on.
    ///
    /// - Returns: whether to go on; false when more input is needed.
    private mutating func step(_ start: inout Int, _ events: inout [MultipartEvent]) throws(MultipartError) -> Bool {
        switch state {
        case .preamble: return try readPreamble(&start)
        case .afterBoundary: return try readAfterBoundary(&start)
        case .headers: return try readHeaders(&start, &events)
        case .content: return readContent(&start, &events)
        case .epilogue:
            try countSurroundings(pending.count - start)
            start = pending.count
            return false
        }
    }

    private mutating func readPreamble(_ start: inout Int) throws(MultipartError) -> Bool {
        let (skipped, found) = searchDelimiter(from: start)
        try countSurroundings(skipped - start)
        start = skipped
        guard found else { return false }
        start += delimiter.count
        state = .afterBoundary
        return true
    }

    private mutating func readAfterBoundary(_ start: inout Int) throws(MultipartError) -> Bool {
        // Blanks may pad the line of a boundary.
        let padding = pending[start...].prefix(while: ASCII.isBlank).count
        try countSurroundings(padding)
        start += padding
        let next = pending[start...].prefix(2)
        guard next.count == 2 else { return false }
        if next.elementsEqual("--".utf8) {
            state = .epilogue
        } else if next.elementsEqual("\r\n".utf8) {
            guard parts < limits.maxParts else { throw .tooManyParts(limit: limits.maxParts) }
            parts += 1
            state = .headers
            // The line end stays, so that a part without headers ends them like any other.
            return true
        } else {
            throw .malformedBoundary(part: parts)
        }
        start += 2
        return true
    }

    private mutating func readHeaders(
        _ start: inout Int, _ events: inout [MultipartEvent]
    ) throws(MultipartError) -> Bool {
        let end = pending.firstRange(of: Array("\r\n\r\n".utf8), from: start + searchedHeaderBytes)
        // While the end is not there, it begins three bytes before what has come at the earliest.
        let length = (end ?? max(start, pending.count - 3)) - start
        guard length <= limits.maxPartHeaderBytes else {
            throw .partHeadersTooLarge(part: parts, limit: limits.maxPartHeaderBytes)
        }
        guard let end else {
            searchedHeaderBytes = length
            return false
        }
        events.append(.partBegan(try PartHeaders.read(pending[start..<end], part: parts)))
        searchedHeaderBytes = 0
        // The last line end stays: a part without content may have its boundary right there.
        start = end + 2
        state = .content
        hasSeparator = true
        return true
    }

    private mutating func readContent(_ start: inout Int, _ events: inout [MultipartEvent]) -> Bool {
        let (end, found) = searchDelimiter(from: start)
        var first = start
        if hasSeparator, end >= start + 2 {
            first += 2
            hasSeparator = false
        }
        if end > first { events.append(.data(Array(pending[first..<end]))) }
        start = end
        guard found else { return false }
        hasSeparator = false
        start += delimiter.count
        events.append(.partEnded)
        state = .afterBoundary
        return true
    }

    /// Looks for the delimiter.
    ///
    /// - Returns: where it begins; or, if it isn't there, up to where it can't begin any more.
    private func searchDelimiter(from start: Int) -> (position: Int, found: Bool) {
        var index = start
        while let candidate = pending[index...].firstIndex(of: ASCII.carriageReturn) {
            let rest = pending[candidate...].prefix(delimiter.count)
            if rest.elementsEqual(delimiter.prefix(rest.count)) {
                return (candidate, rest.count == delimiter.count)
            }
            index = candidate + 1
        }
        return (pending.count, false)
    }

    private mutating func countSurroundings(_ count: Int) throws(MultipartError) {
        surroundingBytes += count
        guard surroundingBytes <= limits.maxSurroundingBytes else {
            throw .surroundingsTooLarge(limit: limits.maxSurroundingBytes)
        }
    }
}

extension [UInt8] {
    /// Where `pattern` begins first at or after `start`.
    fileprivate func firstRange(of pattern: [UInt8], from start: Int) -> Int? {
        guard count - start >= pattern.count else { return nil }
        return (start...(count - pattern.count)).first { self[$0..<($0 + pattern.count)].elementsEqual(pattern) }
    }
}

/// What a multipart body consists of, in order.
public enum MultipartEvent: Sendable, Equatable {
    /// The headers of a part have been read.
    case partBegan(MultipartPart)
    /// A piece of the part's content, never empty.
    case data([UInt8])
    /// The part's content is complete.
    case partEnded
}

/// The headers of a part of a form (RFC 7578, 4).
public struct MultipartPart: Sendable, Equatable {
    /// The name of the form's field.
    public let name: String
    /// The name of the file on the client's side, as it was sent: not to be used as a path.
    public let filename: String?
    /// The type of the content; nil where it is not said, which means plain text.
    public let contentType: MediaType?
}

/// How much of a multipart body is taken.
public struct MultipartLimits: Sendable {
    /// Number of parts.
    public var maxParts = 64
    /// Bytes of the headers of one part.
    public var maxPartHeaderBytes = 8 << 10
    /// Bytes before the first boundary, and after the last one.
    public var maxSurroundingBytes = 4 << 10

    /// The defaults.
    public init() {}
}

/// Why a multipart body could not be read.
public enum MultipartError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The content type has no boundary of 1 to 70 characters that may be in one.
    case invalidBoundary
    /// There are more parts than the limit.
    case tooManyParts(limit: Int)
    /// The headers of a part are longer than the limit, in bytes.
    case partHeadersTooLarge(part: Int, limit: Int)
    /// The headers of a part are not field lines.
    case malformedPartHeader(part: Int)
    /// A part has no `Content-Disposition: form-data` with a name.
    case missingName(part: Int)
    /// A boundary is followed by something else than CR LF or two dashes.
    case malformedBoundary(part: Int)
    /// There is more than the limit before the first boundary or after the last, in bytes.
    case surroundingsTooLarge(limit: Int)
    /// The body ended before its last boundary.
    case endedEarly(part: Int)

    /// One plain sentence; parts are counted from 1.
    public var description: String {
        switch self {
        case .invalidBoundary: "The content type has no boundary of 1 to 70 characters."
        case .tooManyParts(let limit): "The form has more than \(limit) parts."
        case .partHeadersTooLarge(let part, let limit): "The headers of part \(part) are over \(limit) bytes."
        case .malformedPartHeader(let part): "The headers of part \(part) are not lines of a name, a colon, a value."
        case .missingName(let part): "Part \(part) has no Content-Disposition: form-data with a name."
        case .malformedBoundary(let part): "The boundary after part \(part) is followed by neither CR LF nor --."
        case .surroundingsTooLarge(let limit): "There are over \(limit) bytes outside of the parts of the form."
        case .endedEarly(let part): "The form ends within part \(part), before its closing boundary."
        }
    }
}

/// Reads the headers of a part: lines that are each led by CR LF.
private enum PartHeaders {
    static func read(_ bytes: ArraySlice<UInt8>, part: Int) throws(MultipartError) -> MultipartPart {
        var name: String?
        var filename: String?
        var contentType: MediaType?
        for line in try lines(bytes, part: part) {
            guard let colon = line.firstIndex(of: ASCII.colon), colon > line.startIndex,
                line[..<colon].allSatisfy(ByteSet.token.contains),
                line[(colon + 1)...].allSatisfy(ByteSet.fieldValue.contains)
            else { throw .malformedPartHeader(part: part) }
            let value = String(decoding: FieldText.trimmed(line[(colon + 1)...]), as: UTF8.self)
            if ASCII.equal(line[..<colon], lowercase: "content-disposition") {
                (name, filename) = disposition(value)
            } else if ASCII.equal(line[..<colon], lowercase: "content-type") {
                contentType = MediaType(value)
            }
        }
        guard let name else { throw .missingName(part: part) }
        return MultipartPart(name: name, filename: filename, contentType: contentType)
    }

    private static func lines(
        _ bytes: ArraySlice<UInt8>, part: Int
    ) throws(MultipartError) -> [ArraySlice<UInt8>] {
        var lines: [ArraySlice<UInt8>] = []
        for line in bytes.split(separator: ASCII.lineFeed).dropFirst() {
            let isLast = line.endIndex == bytes.endIndex
            guard isLast || line.last == ASCII.carriageReturn else { throw .malformedPartHeader(part: part) }
            lines.append(isLast ? line : line.dropLast())
        }
        return lines
    }

    /// The name and the file name. Browsers write a quote in them as `%22`, other clients as `\"`; a backslash before
    /// anything else stands for itself, as in paths of Windows.
    private static func disposition(_ value: String) -> (name: String?, filename: String?) {
        let bytes = Array(value.utf8)
        guard let end = bytes.firstIndex(of: ASCII.semicolon),
            ASCII.equal(FieldText.trimmed(bytes[..<end]), lowercase: "form-data")
        else { return (nil, nil) }
        var found: [ByteText: String] = [:]
        var rest = bytes[end...]
        while rest.first == ASCII.semicolon {
            rest = rest.dropFirst().drop(while: ASCII.isBlank)
            guard let sign = rest.firstIndex(of: ASCII.equals) else { break }
            let key = ASCII.lowercased(String(decoding: FieldText.trimmed(rest[..<sign]), as: UTF8.self))
            guard let value = parameter(&rest, from: sign + 1) else { break }
            if found[key] == nil { found[key] = value }
            rest = rest.drop(while: ASCII.isBlank)
        }
        return (found["name"], found["filename"])
    }

    private static func parameter(_ rest: inout ArraySlice<UInt8>, from start: Int) -> String? {
        rest = rest[start...].drop(while: ASCII.isBlank)
        var content: [UInt8] = []
        guard rest.first == ASCII.quote else {
            let end = rest.firstIndex(of: ASCII.semicolon) ?? rest.endIndex
            content = Array(FieldText.trimmed(rest[..<end]))
            rest = rest[end...]
            return String(decoding: content, as: UTF8.self)
        }
        var index = rest.startIndex + 1
        while index < rest.endIndex, rest[index] != ASCII.quote {
            let isEscape = rest[index] == ASCII.backslash && index + 1 < rest.endIndex && rest[index + 1] == ASCII.quote
            if isEscape { index += 1 }
            content.append(rest[index])
            index += 1
        }
        guard index < rest.endIndex else { return nil }
        rest = rest[(index + 1)...]
        return String(decoding: content, as: UTF8.self)
    }
}
