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
        var head = "\(method) \(target) HTTP/1.1\r\nHost: \(authority)\r\n"
        for field in fields { head += "\(field.name): \(field.value)\r\n" }
        if !body.isEmpty || method == "POST" || method == "PUT" { head += "Content-Length: \(body.count)\r\n" }
        return Array(head.utf8) + Array("\r\n".utf8) + body
    }
}
