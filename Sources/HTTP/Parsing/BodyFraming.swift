import Platform

/// How a request's body is delimited (RFC 9112, 6.3).
enum BodyFraming: Sendable, Equatable {
    case none
    case length(Int)
    case chunked

    /// The length that the head declares: 0 without a body, nil for a chunked one.
    var declaredLength: Int? {
        switch self {
        case .none: 0
        case .length(let length): length
        case .chunked: nil
        }
    }
}

/// Content-Length and Transfer-Encoding as they are met, line by line; anything that two servers could read in two
/// ways is refused, since that is how requests are smuggled.
struct FramingFields {
    private var length: Int?
    private var codings: [String]?

    mutating func addContentLength(_ value: ArraySlice<UInt8>) throws(HTTPProblem) {
        guard !value.isEmpty else { throw .malformed("Content-Length is empty.") }
        var total = 0
        for byte in value {
            guard ASCII.isDigit(byte) else { throw .malformed("Content-Length has something else than digits in it.") }
            let (tenfold, overflows) = total.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = tenfold.addingReportingOverflow(Int(byte - ASCII.zero))
            guard !overflows, !overflowsToo else { throw .malformed("Content-Length is over 2^63 - 1.") }
            total = sum
        }
        guard length == nil || length == total else {
            throw .malformed("Content-Length is there twice, with different values.")
        }
        length = total
    }

    mutating func addTransferEncoding(_ value: ArraySlice<UInt8>) {
        let names = value.split(separator: ASCII.comma, omittingEmptySubsequences: false)
            .map { ASCII.lowercased(String(decoding: FieldText.trimmed($0), as: UTF8.self)) }
        codings = (codings ?? []) + names
    }

    /// The framing that all lines together ask for.
    func resolved(version: HTTPVersion) throws(HTTPProblem) -> BodyFraming {
        guard let codings else {
            guard let length, length > 0 else { return .none }
            return .length(length)
        }
        guard length == nil else { throw .malformed("Both Content-Length and Transfer-Encoding are there.") }
        guard version == .http11 else { throw .malformed("HTTP/1.0 has no Transfer-Encoding.") }
        guard codings.last == "chunked" else { throw .malformed("Transfer-Encoding does not end with chunked.") }
        for coding in codings.dropLast() {
            guard coding != "chunked" else { throw .malformed("Transfer-Encoding has chunked twice.") }
            guard !coding.isEmpty, coding.utf8.allSatisfy(ByteSet.token.contains) else {
                throw .malformed("Transfer-Encoding is not a list of coding names.")
            }
        }
        if let other = codings.dropLast().first { throw .codingNotImplemented(other) }
        return .chunked
    }
}

/// Small steps over field values.
enum FieldText {
    /// Without the blanks at both ends.
    static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var bytes = bytes
        while let first = bytes.first, ASCII.isBlank(first) { bytes.removeFirst() }
        while let last = bytes.last, ASCII.isBlank(last) { bytes.removeLast() }
        return bytes
    }
}
