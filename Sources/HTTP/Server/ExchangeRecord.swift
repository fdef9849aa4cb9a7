public import HTTPTypes
import Platform

/// A request and its answer in numbers, for metrics and access logs.
public struct ExchangeRecord: Sendable {
    /// Whom the request came from, as `Request.clientAddress`.
    public let address: SocketAddress
    /// Whom the request counts for; nil where it was refused before that was known.
    public let client: ClientIdentity?
    /// The method; nil where the head could not be read.
    public let method: HTTPRequest.Method?
    /// The pattern of the route, nil where none was found.
    public let route: String?
    /// The path, as `RequestHead.path`; nil where the head could not be read.
    public let path: String?
    /// The request's id.
    public let requestID: String
    /// The status of the answer; nil where the connection ended before there was one.
    public let status: HTTPResponse.Status?
    /// Whether all of the answer was made; false where the connection ended before.
    public let isComplete: Bool
    /// From the head's last byte to the answer's last, as handed to the kernel's or our own buffer.
    public let duration: Duration
    /// Bytes of the request's body that came.
    public let bodyBytes: Int
    /// Bytes of the answer's body, without their framing.
    public let answerBytes: Int
}
