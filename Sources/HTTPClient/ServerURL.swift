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
