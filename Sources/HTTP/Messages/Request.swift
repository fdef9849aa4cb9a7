public import HTTPTypes
import Platform
public import TLS
public import Tracing

/// A request as a handler gets it.
public struct Request: Sendable {
    /// The request line and the fields.
    public let head: RequestHead
    /// The body, to be read as it comes.
    public var body: RequestBody
    /// The request's id: the client's own `X-Request-Id`, or one made here. It goes back with the answer.
    public let id: String
    /// The request's place in a trace; nil where it has none.
    public let trace: RequestTrace?
    /// The other end of the connection.
    public let peer: SocketAddress
    /// The certificate that the client has shown and that was found good; nil where none is asked for.
    public let clientCertificate: CertificateSummary?
    /// Whom the request came from: the peer, or, where that is a trusted proxy, whom it speaks for. The port is 0 where the
    /// proxy did not tell it.
    public let clientAddress: SocketAddress
    /// Whom the request counts for.
    public var client: ClientIdentity { admitted ?? ClientIdentity(clientAddress) }
    private let admitted: ClientIdentity?
    /// Whether the gate lets the client see how the server is set up.
    public let seesDetails: Bool
    /// What stood in the place of each name in braces of the route's pattern.
    public let pathParameters: PathParameters
    private let listening: @Sendable (Bool) -> Void

    /// From now on, or no more, a client that ends its side of the connection, once all of its request has come, has gone, and the
    /// handler is cancelled; at once where it already has. Routes begin with ``Route/endsWithInput``.
    public func endWithInput(_ ends: Bool) { listening(ends) }

    /// A request from its parts, also for tests of handlers.
    public init(
        head: RequestHead, body: RequestBody = .empty, id: String = "test", trace: RequestTrace? = nil,
        peer: SocketAddress = .unknown,
        clientCertificate: CertificateSummary? = nil, clientAddress: SocketAddress? = nil,
        client: ClientIdentity? = nil, seesDetails: Bool = false, pathParameters: PathParameters = PathParameters(),
        endWithInput listening: @escaping @Sendable (Bool) -> Void = { _ in }
    ) {
        self.head = head
        self.body = body
        self.id = id
        self.trace = trace
        self.peer = peer
        self.clientCertificate = clientCertificate
        self.clientAddress = clientAddress ?? peer
        admitted = client
        self.seesDetails = seesDetails
        self.pathParameters = pathParameters
        self.listening = listening
    }
}

/// The request line and the header fields, checked and decoded: an object, since it never changes and is handed on many times.
public final class RequestHead: Sendable {
    /// The method.
    public let method: HTTPRequest.Method
    /// The path, percent-decoded once; it begins with a slash and has no dot segments. `*` for `OPTIONS *`.
    public let path: String
    /// The query, decoded.
    public let query: QueryItems
    /// The version that the client speaks.
    public let version: HTTPVersion
    /// The header fields.
    public let fields: HeaderFields
    /// What the fields say about framing and the connection.
    let controls: RequestControls
    /// The host, perhaps with a port, that the client takes this server for: the target's, else that of Host (RFC 9112,
    /// 3.2.2); nil where HTTP/1.0 says neither.
    public let authority: String?
    /// Whether a proxy says that the request is somebody else's.
    public let isPassedOn: Bool

    init(
        method: HTTPRequest.Method, path: String, query: QueryItems, version: HTTPVersion, fields: HeaderFields,
        controls: RequestControls, authority: String? = nil
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.version = version
        self.fields = fields
        self.controls = controls
        self.authority = authority ?? fields[.hostField]
        isPassedOn = Self.proxyFields.contains { fields.contains($0) }
    }

    private static let proxyFields = [
        "Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP",
    ].compactMap { HTTPField.Name($0) }

    /// A head for tests of handlers; framing fields are not looked at.
    public convenience init(
        method: HTTPRequest.Method, path: String, query: QueryItems = QueryItems(),
        fields: HeaderFields = HeaderFields()
    ) {
        self.init(
            method: method, path: path, query: query, version: .http11, fields: fields, controls: RequestControls())
    }
}

/// The values of a route pattern's names.
public struct PathParameters: Sendable, Equatable {
    private var pairs: [(name: String, value: String)] = []

    /// No parameters.
    public init() {}

    /// Parameters from pairs of name and value.
    public init(_ pairs: [(name: String, value: String)]) {
        self.pairs = pairs
    }

    /// The value that stood in the place of `{name}`.
    public subscript(name: String) -> String? {
        pairs.first { $0.name.hasBytes(of: name) }?.value
    }

    /// Whether both hold the same names and values in the same order.
    public static func == (left: PathParameters, right: PathParameters) -> Bool {
        left.pairs.elementsEqual(right.pairs) { $0 == $1 }
    }
}

extension HTTPField.Name {
    /// The Host field, which HTTPTypes has under no name of its own.
    public static let hostField = Self("Host")!
}

/// The versions of HTTP that this server speaks.
public enum HTTPVersion: Sendable, Hashable, CustomStringConvertible {
    case http10
    case http11

    /// As in the request line, such as `HTTP/1.1`.
    public var description: String {
        switch self {
        case .http10: "HTTP/1.0"
        case .http11: "HTTP/1.1"
        }
    }
}
