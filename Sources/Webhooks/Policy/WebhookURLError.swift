import Platform

/// Why a text is no URL for notices. The text itself is not shown, since it may hold a token.
public enum WebhookURLError: Error, Sendable, Equatable, CustomStringConvertible {
    /// It has so many bytes, which are too many.
    case tooLong(Int)
    /// A byte has to be percent-encoded, or has no place in a URL at all.
    case forbiddenByte(UInt8)
    /// It does not begin with `http://` or `https://`.
    case scheme
    /// There is a name or a password before the host.
    case userInformation
    /// There is a `#`, and what follows it would never be sent.
    case fragment
    /// The host can't be used.
    case host(String)
    /// The port is no number from 1 to 65535.
    case port
    /// After a `%` two hexadecimal digits are missing.
    case escape

    /// What is wrong, to stand after a name for the text.
    public var description: String {
        switch self {
        case .tooLong(let count): "it has \(count) bytes, at most \(WebhookURL.maxBytes) are taken"
        case .forbiddenByte(let byte): "\(Self.name(of: byte)) has to be percent-encoded"
        case .scheme: "it does not begin with http:// or https://"
        case .userInformation: "it has an '@' before the path: names and passwords are not taken"
        case .fragment: "it has a '#': what follows would never be sent, and in a query it has to be %23"
        case .host(let problem): "its host can't be used: \(problem)"
        case .port: "its port is no number from 1 to 65535"
        case .escape: "after a '%' two hexadecimal digits are missing"
        }
    }

    private static func name(of byte: UInt8) -> String {
        switch byte {
        case 0x20: "a space"
        case 0x21...0x7E: "'\(Character(UnicodeScalar(byte)))'"
        case 0x80...: "a character beyond ASCII"
        default: "a control character"
        }
    }
}
