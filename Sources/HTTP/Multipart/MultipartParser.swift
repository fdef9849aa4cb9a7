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

    /// - Parameter contentType: the request's, with the boundary.
    public init(contentType: MediaType, limits: MultipartLimits = MultipartLimits()) throws(MultipartError) {
        guard contentType.type == "multipart", let boundary = contentType["boundary"] else { throw .invalidBoundary }
        try self.init(boundary: boundary, limits: limits)
    }

    /// - Parameter boundary: 1 to 70 characters.
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
