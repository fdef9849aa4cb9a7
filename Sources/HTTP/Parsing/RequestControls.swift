import Platform

/// What the fields of a head say about the message and the connection itself, rather than about the resource.
struct RequestControls: Sendable, Equatable {
    enum Expectation: Sendable, Equatable {
        case none
        case continueFirst
        case unknown(String)
    }

    /// How the body is delimited.
    private(set) var framing = BodyFraming.none
    /// Whether the client is ready to send another request on this connection (RFC 9112, 9.3).
    private(set) var persists: Bool
    /// What the client expects before it sends the body (RFC 9110, 10.1.1).
    private(set) var expectation = Expectation.none

    private var asksToClose = false
    private var asksToKeep = false
    private var hosts = 0

    /// What an HTTP/1.1 request without any of these fields says.
    init() {
        persists = true
    }

    /// Checks the fields in one pass.
    init(_ fields: HeaderFields, version: HTTPVersion) throws(HTTPProblem) {
        persists = version == .http11
        var framingFields = FramingFields()
        for entry in fields.entries {
            let value = fields.bytes[entry.value]
            switch ControlField(fields.bytes[entry.name]) {
            case .host: try addHost(value)
            case .contentLength: try framingFields.addContentLength(value)
            case .transferEncoding: framingFields.addTransferEncoding(value)
            case .connection: addConnection(value)
            case .expect where version == .http11: addExpect(value)
            case .expect, nil: break
            }
        }
        guard hosts == 1 || (hosts == 0 && version == .http10) else {
            throw .malformed(hosts == 0 ? "Host is missing." : "Host is there more than once.")
        }
        framing = try framingFields.resolved(version: version)
        persists = !asksToClose && (version == .http11 || asksToKeep)
    }

    private mutating func addHost(_ value: ArraySlice<UInt8>) throws(HTTPProblem) {
        hosts += 1
        guard HostField.isValid(value) else { throw .malformed("Host is not a host with an optional port.") }
    }

    private mutating func addConnection(_ value: ArraySlice<UInt8>) {
        for option in value.split(separator: ASCII.comma) {
            let option = FieldText.trimmed(option)
            if ASCII.equal(option, lowercase: "close") { asksToClose = true }
            if ASCII.equal(option, lowercase: "keep-alive") { asksToKeep = true }
        }
    }

    private mutating func addExpect(_ value: ArraySlice<UInt8>) {
        if ASCII.equal(value, lowercase: "100-continue") {
            if expectation == .none { expectation = .continueFirst }
        } else {
            expectation = .unknown(String(decoding: value, as: UTF8.self))
        }
    }
}

/// The few fields that `RequestControls` looks at, told apart by their length first.
private enum ControlField {
    case host, expect, connection, contentLength, transferEncoding

    init?(_ name: ArraySlice<UInt8>) {
        switch name.count {
        case 4 where ASCII.equal(name, lowercase: "host"): self = .host
        case 6 where ASCII.equal(name, lowercase: "expect"): self = .expect
        case 10 where ASCII.equal(name, lowercase: "connection"): self = .connection
        case 14 where ASCII.equal(name, lowercase: "content-length"): self = .contentLength
        case 17 where ASCII.equal(name, lowercase: "transfer-encoding"): self = .transferEncoding
        default: return nil
        }
    }
}

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
private struct FramingFields {
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
