import Platform

/// Where a server is: `http://host:port` or `https://host:port`.
public struct ServerURL: Equatable, Sendable, CustomStringConvertible {
    /// A name, or an address in numbers without brackets.
    public let host: String
    /// The port.
    public let port: UInt16
    /// Whether it is spoken to over TLS.
    public let isSecure: Bool

    /// A place from its parts.
    public init(host: String, port: UInt16, isSecure: Bool = false) {
        self.host = host
        self.port = port
        self.isSecure = isSecure
    }

    /// Reads a URL that has no path below which a server could be.
    public init(parsing text: String) throws(ServerURLError) {
        let isSecure = text.begins(with: "https://")
        guard let place = text.rest(after: isSecure ? "https://" : "http://") else {
            throw ServerURLError("it does not begin with http:// or https://")
        }
        let authority = place.ends(with: "/") ? Substring(place.utf8.dropLast()) : place
        guard authority.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"/?#@".utf8.contains($0) }) else {
            throw ServerURLError("something other than host and port is in it")
        }
        let isNumeric = authority.first == "["
        let hostEnd = isNumeric ? authority.firstIndex(of: "]") : authority.firstIndex(of: ":") ?? authority.endIndex
        guard let hostEnd else { throw ServerURLError("']' is missing") }
        let host = isNumeric ? authority[..<hostEnd].dropFirst() : authority[..<hostEnd]
        let rest = isNumeric ? authority[hostEnd...].dropFirst() : authority[hostEnd...]
        guard !host.isEmpty else { throw ServerURLError("there is no host") }
        guard rest.isEmpty || rest.first == ":",
            let port = rest.isEmpty
                ? isSecure ? 443 : 80 : ASCII.number(rest.utf8.dropFirst(), most: 5).flatMap({ UInt16(exactly: $0) }),
            port > 0
        else { throw ServerURLError("the port is no number from 1 to 65535") }
        self.init(host: String(host), port: port, isSecure: isSecure)
    }

    /// As it stands in a Host field.
    public var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// As it is read.
    public var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
}

/// Why a text is no URL of a server.
public struct ServerURLError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The reason, to stand after the text.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// A request as it is sent.
public struct ClientRequest: Sendable {
    /// The method, such as `POST`.
    public var method: String
    /// Path and query.
    public var target: String
    /// What stands in the Host field.
    public var authority: String
    /// Further fields; names and values have no line ends.
    public var fields: [(name: String, value: String)]
    /// The body.
    public var body: [UInt8]

    /// A request from its parts.
    public init(
        _ method: String, _ target: String, authority: String, fields: [(name: String, value: String)] = [],
        body: [UInt8] = []
    ) {
        self.method = method
        self.target = target
        self.authority = authority
        self.fields = fields
        self.body = body
    }

    /// Head and body; a method that may have a body has its length, even where there is none.
    public var bytes: [UInt8] {
        let hasLength = !body.isEmpty || method == "POST" || method == "PUT"
        return head(length: hasLength ? body.count : nil) + body
    }

    /// The head alone, with the length of a body that follows it.
    func head(length: Int?) -> [UInt8] {
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(authority)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        if let length { head += "Content-Length: \(length)\r\n" }
        return Array(head.utf8) + Array("\r\n".utf8)
    }
}

/// A body that is a file, or one with something around it, as a form has: it is sent in pieces and never held.
public struct FileBody: Sendable {
    /// What stands before the file.
    public let before: [UInt8]
    /// The file.
    public let file: OpenFile
    /// What stands behind the file.
    public let after: [UInt8]
    /// Is told of bytes that were sent.
    private let sent: @Sendable (Int) -> Void

    /// A body from its parts.
    public init(
        before: [UInt8] = [], _ file: OpenFile, after: [UInt8] = [], sent: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        (self.before, self.file, self.after, self.sent) = (before, file, after, sent)
    }

    /// All its bytes.
    public var count: Int { before.count + file.count + after.count }

    /// All pieces. A file that was written to since it was opened is not sent to its end, so that no server takes a mixture of
    /// what it was and is.
    func forEachPiece(
        _ body: (UnsafeRawBufferPointer) throws(ClientError) -> Void
    ) throws(ClientError) {
        var left = file.count
        try before.withRawBytes { bytes throws(ClientError) in try body(bytes) }
        try file.forEachPiece(failing: { .unreadable($0) }) { bytes throws(ClientError) in
            left -= bytes.count
            if left == 0, file.hasChanged {
                throw .unreadable(
                    .failed(operation: "send", path: file.path, reason: "it was written to meanwhile"))
            }
            try body(bytes)
            sent(bytes.count)
        }
        try after.withRawBytes { bytes throws(ClientError) in try body(bytes) }
    }
}
