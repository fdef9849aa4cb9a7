import HTTPClient
import Platform

/// A broker and a prefix of topics, as they are set: `mqtt://host:port/prefix` or `mqtts://host:port/prefix`.
public struct MQTTAddress: Sendable, Equatable {
    /// What topics begin with where no prefix is given.
    public static let usualPrefix = "vigil"

    /// A name, or an address in numbers without brackets.
    public let host: String
    /// The port; 1883 where none is given, with TLS 8883.
    public let port: UInt16
    /// Whether it is spoken to over TLS.
    public let isSecure: Bool
    /// What topics begin with.
    public let prefix: String

    /// Why a text is none.
    public struct Fault: Error, Sendable, CustomStringConvertible {
        /// The reason, to stand after the text.
        public let description: String
    }

    /// Reads one.
    public init(_ text: String) throws(Fault) {
        isSecure = text.begins(with: "mqtts://")
        guard let rest = text.rest(after: isSecure ? "mqtts://" : "mqtt://") else {
            throw Fault(description: "it does not begin with mqtt:// or mqtts://")
        }
        let parts = String(rest).pieces(between: ASCII.slash, most: 1)
        let authority = String(parts.first ?? "")
        let path = parts.count > 1 ? String(parts[1]) : ""
        prefix = path.isEmpty ? Self.usualPrefix : path
        guard MQTTTopics.isPrefix(prefix) else {
            throw Fault(
                description: "its prefix is none: expected parts between slashes in ASCII, without +, # and blanks")
        }
        let isNumeric = authority.utf8.first == UInt8(ascii: "[")
        let hasPort =
            isNumeric ? authority.utf8.last != UInt8(ascii: "]") : authority.utf8.contains(UInt8(ascii: ":"))
        let server: ServerURL
        do throws(ServerURLError) {
            server = try ServerURL(parsing: "http://\(authority)" + (hasPort ? "" : isSecure ? ":8883" : ":1883"))
        } catch {
            throw Fault(description: error.description)
        }
        (host, port) = (server.host, server.port)
    }
}
