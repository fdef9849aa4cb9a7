import HTTPTypes
import Platform

/// Reads one request head from bytes as they arrive (RFC 9112, 2 to 5).
///
/// Each byte is looked at once, however the input is cut, and parsing in pieces gives what parsing at once gives,
/// errors included. After a refusal the parser is not used again: where the next request begins can't be known.
struct RequestParser {
    private enum State {
        case start, emptyLineEnd
        case method, target, version, requestLineEnd
        case lineStart, fieldName, blanksBeforeValue, fieldValue, fieldLineEnd
        case headEnd, complete
    }

    private let limits: Limits
    private var state = State.start
    private var skippedEmptyLine = false

    /// The head so far, from the first byte of the method.
    private var bytes: [UInt8] = []
    private var entries: [HeaderFields.Entry] = []

    /// Offsets into the head: where the current token and line began, and where finished parts end.
    private var tokenStart = 0
    private var lineStart = 0
    private var methodEnd = 0
    /// Whether the method has been read and is HEAD, whatever the rest turns out to be.
    private(set) var isHead = false
    private var target = 0..<0
    private var fieldNameEnd = 0
    private var fieldValueEnd = 0
    private var version = VersionReader()

    init(limits: Limits) {
        self.limits = limits
    }

    /// Whether a head has begun.
    var isMidHead: Bool {
        if case .start = state { return skippedEmptyLine }
        return true
    }

    /// What has come of the head: what was kept of it, and `rest`.
    func unread(_ rest: Span<UInt8>) -> UnreadHead {
        UnreadHead(bytes: rest.withUnsafeBufferPointer { bytes + $0 })
    }

    /// Reads on from `position`, which is moved behind what was read.
    ///
    /// - Returns: the head once its last byte is there, nil while there is more to come.
    mutating func consume(_ input: Span<UInt8>, at position: inout Int) throws(HTTPProblem) -> RequestHead? {
        try skipEmptyLine(input, &position)
        var index = position
        // Byte `i` of the input is byte `origin + i` of the head.
        let origin = bytes.count - position
        while index < input.count, state != .complete {
            switch state {
            case .method: try readMethod(input, &index, origin)
            case .target: try readTarget(input, &index, origin)
            case .version: try readVersion(input, &index)
            case .lineStart: try readLineStart(input, &index, origin)
            case .fieldName: try readFieldName(input, &index, origin)
            case .blanksBeforeValue: try skipBlanks(input, &index, origin)
            case .fieldValue: try readFieldValue(input, &index, origin)
            case .requestLineEnd, .fieldLineEnd, .headEnd: try readLineFeed(input, &index, origin)
            case .start, .emptyLineEnd, .complete: break
            }
        }
        input.extracting(position..<index).withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
        position = index
        return state == .complete ? try takeHead() : nil
    }

    /// One empty line before the request line is taken, as some clients end a body with one (RFC 9112, 2.2).
    private mutating func skipEmptyLine(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPProblem) {
        while position < input.count {
            switch state {
            case .start where input[position] == ASCII.carriageReturn && !skippedEmptyLine:
                skippedEmptyLine = true
                state = .emptyLineEnd
            case .start:
                state = .method
                return
            case .emptyLineEnd:
                guard input[position] == ASCII.lineFeed else { throw .malformed("A CR is not followed by LF.") }
                state = .start
            default:
                return
            }
            position += 1
        }
    }

    private mutating func takeHead() throws(HTTPProblem) -> RequestHead {
        for entry in entries {
            for index in entry.name { bytes[index] = ASCII.lowercased(bytes[index]) }
        }
        let method = Self.method(bytes[..<methodEnd])
        let decoded = try RequestTarget(bytes[target], method: method)
        let fields = HeaderFields(bytes: bytes, entries: entries)
        return RequestHead(
            method: method, path: decoded.path, query: decoded.query, version: version.value, fields: fields,
            controls: try RequestControls(fields, version: version.value), authority: decoded.authority)
    }

    private static func method(_ bytes: ArraySlice<UInt8>) -> HTTPRequest.Method {
        if bytes.elementsEqual("GET".utf8) { return .get }
        if bytes.elementsEqual("POST".utf8) { return .post }
        if bytes.elementsEqual("HEAD".utf8) { return .head }
        return HTTPRequest.Method(rawValue: String(decoding: bytes, as: UTF8.self)) ?? .get
    }
}

extension RequestParser {
    private static let longestMethod = 32
    private static let headMethod = Array("HEAD".utf8)

    private mutating func readMethod(_ input: Span<UInt8>, _ index: inout Int, _ origin: Int) throws(HTTPProblem) {
        Self.skip(ByteSet.token, input, &index)
        let length = origin + index
        guard length <= Self.longestMethod else { throw .methodNotImplemented("a method of so many letters") }
        guard index < input.count else { return }
        guard input[index] == ASCII.space, length > 0 else {
            throw .malformed("The request does not begin with a method and one space.")
        }
        methodEnd = length
        if length == 4 {
            isHead = (0..<4).allSatisfy { (offset: Int) -> Bool in
                let byte = offset < bytes.count ? bytes[offset] : input[offset - origin]
                return byte == Self.headMethod[offset]
            }
        }
        index += 1
        tokenStart = origin + index
        state = .target
    }

    private mutating func readTarget(_ input: Span<UInt8>, _ index: inout Int, _ origin: Int) throws(HTTPProblem) {
        Self.skip(ByteSet.visible, input, &index)
        let end = origin + index
        guard end - tokenStart <= limits.maxTargetBytes else { throw .targetTooLong(limit: limits.maxTargetBytes) }
        guard index < input.count else { return }
        guard input[index] == ASCII.space, end > tokenStart else {
            throw .malformed("The target is not visible ASCII characters between single spaces.")
        }
        target = tokenStart..<end
        index += 1
        state = .version
    }

    private mutating func readVersion(_ input: Span<UInt8>, _ index: inout Int) throws(HTTPProblem) {
        if try version.read(input[index]) { state = .requestLineEnd }
        index += 1
    }

    private mutating func readLineStart(
        _ input: Span<UInt8>, _ index: inout Int, _ origin: Int
    ) throws(HTTPProblem) {
        lineStart = origin + index
        tokenStart = lineStart
        if input[index] == ASCII.carriageReturn {
            index += 1
            state = .headEnd
            return
        }
        guard !ASCII.isBlank(input[index]) else { throw .malformed("A field line is folded, or begins with a blank.") }
        guard entries.count < limits.maxHeaderFields else {
            throw .headerTooLarge("A request has at most \(limits.maxHeaderFields) fields.")
        }
        state = .fieldName
    }

    private mutating func readFieldName(
        _ input: Span<UInt8>, _ index: inout Int, _ origin: Int
    ) throws(HTTPProblem) {
        Self.skip(ByteSet.token, input, &index)
        try checkLength(upTo: origin + index)
        guard index < input.count else { return }
        guard input[index] == ASCII.colon, origin + index > tokenStart else {
            throw .malformed("A field line is not a name, a colon right after it, and a value.")
        }
        fieldNameEnd = origin + index
        index += 1
        state = .blanksBeforeValue
    }

    private mutating func skipBlanks(_ input: Span<UInt8>, _ index: inout Int, _ origin: Int) throws(HTTPProblem) {
        while index < input.count, ASCII.isBlank(input[index]) { index += 1 }
        try checkLength(upTo: origin + index)
        guard index < input.count else { return }
        entries.append(
            HeaderFields.Entry(
                nameStart: UInt32(tokenStart), nameEnd: UInt32(fieldNameEnd),
                valueStart: UInt32(origin + index), valueEnd: UInt32(origin + index)))
        fieldValueEnd = origin + index
        state = .fieldValue
    }

    private mutating func readFieldValue(
        _ input: Span<UInt8>, _ index: inout Int, _ origin: Int
    ) throws(HTTPProblem) {
        let allowed = ByteSet.fieldValue
        while index < input.count, allowed.contains(input[index]) {
            index += 1
            if !ASCII.isBlank(input[index - 1]) { fieldValueEnd = origin + index }
        }
        try checkLength(upTo: origin + index)
        guard index < input.count else { return }
        guard input[index] == ASCII.carriageReturn else {
            throw .malformed("A field value has a control character in it, or a line ends with a bare LF.")
        }
        entries[entries.count - 1].valueEnd = UInt32(fieldValueEnd)
        index += 1
        state = .fieldLineEnd
    }

    private mutating func readLineFeed(
        _ input: Span<UInt8>, _ index: inout Int, _ origin: Int
    ) throws(HTTPProblem) {
        guard input[index] == ASCII.lineFeed else { throw .malformed("A CR is not followed by LF.") }
        index += 1
        state = state == .headEnd ? .complete : .lineStart
    }

    private func checkLength(upTo end: Int) throws(HTTPProblem) {
        guard end - lineStart <= limits.maxHeaderLineBytes else {
            throw .headerTooLarge("A field line has at most \(limits.maxHeaderLineBytes) bytes.")
        }
        guard end - target.upperBound <= limits.maxHeaderBytes else {
            throw .headerTooLarge("All fields together have at most \(limits.maxHeaderBytes) bytes.")
        }
    }

    @inline(__always)
    private static func skip(_ set: ByteSet, _ input: Span<UInt8>, _ index: inout Int) {
        while index < input.count, set.contains(input[index]) { index += 1 }
    }
}

/// Reads `HTTP/` DIGIT `.` DIGIT CR byte by byte.
private struct VersionReader {
    private static let name: StaticString = "HTTP/"
    private var offset = 0
    private var major: UInt8 = 0
    private(set) var value = HTTPVersion.http11

    /// - Returns: whether that was the CR behind a version that is spoken here.
    mutating func read(_ byte: UInt8) throws(HTTPProblem) -> Bool {
        defer { offset += 1 }
        switch offset {
        // Sound: the name has five bytes.
        case 0..<5 where byte == Self.name.utf8Start[offset], 6 where byte == ASCII.dot: return false
        case 5 where ASCII.isDigit(byte):
            major = byte - ASCII.zero
            return false
        case 7 where ASCII.isDigit(byte):
            try settle(minor: byte - ASCII.zero)
            return false
        case 8 where byte == ASCII.carriageReturn: return true
        default: throw .malformed("The request line does not end with HTTP/1.1 or HTTP/1.0 and CR LF.")
        }
    }

    private mutating func settle(minor: UInt8) throws(HTTPProblem) {
        switch (major, minor) {
        case (1, 1): value = .http11
        case (1, 0): value = .http10
        case (1, _): throw .malformed("There is no HTTP/1.\(minor).")
        default: throw .versionNotSupported("HTTP/\(major).\(minor)")
        }
    }
}
