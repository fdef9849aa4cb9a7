public import HTTPTypes

/// An answer.
///
/// The connection's own fields are not the handler's: Content-Length, Transfer-Encoding, Connection, Date and
/// X-Request-Id are written by the server, and left out where a handler sets them. `Connection: close` is honoured.
public struct Response: Sendable {
    /// The status; 1xx can't be answered with.
    public var status: HTTPResponse.Status
    /// The header fields.
    public var fields: HTTPFields
    /// The body; it is not sent in answer to HEAD, nor with 204 and 304.
    public var body: ResponseBody

    /// An answer from its parts.
    public init(status: HTTPResponse.Status, fields: HTTPFields = [:], body: ResponseBody = .none) {
        self.status = status
        self.fields = fields
        self.body = body
    }

    /// An answer with plain text in it.
    public init(status: HTTPResponse.Status, text: String) {
        self.init(
            status: status, fields: [.contentType: "text/plain; charset=utf-8"], body: .bytes(Array(text.utf8)))
    }
}

/// The body of an answer.
public enum ResponseBody: Sendable {
    /// Nothing; Content-Length is 0 where there could be a body.
    case none
    /// Bytes that are there already.
    case bytes([UInt8])
    /// What the closure writes. Without a length it goes out chunked, or up to the end of the connection to a client
    /// that speaks HTTP/1.0. The closure is cancelled when the client goes away; if it throws, or writes less than
    /// `length`, the connection is cut so that the client can tell.
    case stream(length: Int?, @Sendable (ResponseWriter) async throws -> Void)

    /// The length in bytes, nil where it isn't known yet.
    var length: Int? {
        switch self {
        case .none: 0
        case .bytes(let bytes): bytes.count
        case .stream(let length, _): length
        }
    }
}

/// Writes a streamed body.
public struct ResponseWriter: Sendable {
    private let send: @Sendable ([UInt8]) async throws(ResponseWriteError) -> Void
    private let listen: @Sendable (@escaping @Sendable () -> Void) -> Void
    private let end: @Sendable () -> Void

    /// A writer on any sink, also for tests of handlers.
    ///
    /// - Parameters:
    ///   - send: writes bytes of the body
    ///   - listen: takes what is to be called once the client has ended its side.
    ///   - end: called to give up on the client.
    public init(
        _ send: @escaping @Sendable ([UInt8]) async throws(ResponseWriteError) -> Void,
        whenInputEnds listen: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = { _ in },
        cut end: @escaping @Sendable () -> Void = {}
    ) {
        self.send = send
        self.listen = listen
        self.end = end
    }

    /// Ends the connection whatever the client has not taken yet, so that `write` throws; from any task.
    public func cut() { end() }

    /// Calls `action` once the client has ended its side of the connection, or soon if it has.
    ///
    /// Such a client may be gone, or have no more to ask and still read; only a write finds out. A stream that is mostly
    /// quiet writes something then, or it would go on for nobody until it has something to say.
    public func whenInputEnds(_ action: @escaping @Sendable () -> Void) {
        listen(action)
    }

    /// Sends a piece; returns once the client has taken enough of what was written before for another piece to follow.
    public func write(_ bytes: [UInt8]) async throws(ResponseWriteError) {
        try await send(bytes)
    }

    /// Sends text as UTF-8.
    public func write(_ text: String) async throws(ResponseWriteError) {
        try await send(Array(text.utf8))
    }
}

/// Why a piece of an answer was not sent.
public enum ResponseWriteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The client is gone, or took nothing for too long.
    case connectionClosed
    /// More was written than the length that was announced, in bytes.
    case beyondLength(Int)

    /// One plain sentence.
    public var description: String {
        switch self {
        case .connectionClosed: "The client is no longer there to take the answer."
        case .beyondLength(let length): "The answer is longer than the \(length) bytes that were announced."
        }
    }
}
