public import HTTPTypes
import Platform

/// What comes before the router: lets a request in under a client's name, or refuses it.
///
/// It is asked once the head is there, before the body is read, before 100 Continue, and whether or not there is
/// anything at the path. It is called on event loops and must not block; it throws the `HTTPProblem` to answer with.
public typealias RequestGate = @Sendable (RequestHead, SocketAddress) throws(HTTPProblem) -> Admission

/// Fields of the answer to a request that is refused before the gate is asked, by the Origin that is known of it. It is called on
/// event loops and must not block.
public typealias RefusalFields = @Sendable (_ origin: String?) -> HTTPFields?

/// A request that was let in, or that the gate itself answers.
public struct Admission: Sendable {
    /// What follows.
    public indirect enum Verdict: Sendable {
        /// The router finds who answers.
        case admitted
        /// This is the answer.
        case answered(Response)
        /// This is. Other than a problem that is thrown, which is answered at once, it comes once a short body has
        /// passed, as for an unknown path: a body that is no HTTP is 400 whatever the gate says of its head.
        case refused(HTTPProblem)
        /// This is, at once, as of a problem that is thrown; but whom the request counts for is known.
        case refusedAtOnce(HTTPProblem)
    }

    /// Whom it counts for.
    public var client: ClientIdentity
    /// Fields that its answer gets where the handler does not set them; to Vary what it names is added.
    public var fields: HTTPFields
    /// Whether the client may see how the server is set up.
    public var seesDetails: Bool
    /// Whether the client may say that its trace is recorded.
    public var isTrusted: Bool
    /// What follows.
    public var verdict: Verdict

    /// No fields, made once: a list of them is an object.
    public static let noFields = HTTPFields()

    /// Lets a request in, unless the verdict is another.
    public init(
        client: ClientIdentity, fields: HTTPFields = Admission.noFields, seesDetails: Bool = false,
        isTrusted: Bool = true, verdict: Verdict = .admitted
    ) {
        self.client = client
        self.fields = fields
        self.seesDetails = seesDetails
        self.isTrusted = isTrusted
        self.verdict = verdict
    }
}

/// Whom a request counts for: in rate limits, in shares of the queue, in logs.
public enum ClientIdentity: Sendable, Hashable, CustomStringConvertible {
    /// The bearer of the API key of this name.
    case key(String)
    /// Whoever is at this address: an IPv4 address, or the first 64 bits of an IPv6 one, since that is what one
    /// subscriber has.
    case address(String)

    /// `key alice` or `192.0.2.7`; no secret is in it.
    public var description: String {
        switch self {
        case .key(let name): "key \(name)"
        case .address(let address): address
        }
    }
}

extension ClientIdentity {
    /// Who is at the other end of a connection.
    public init(_ address: SocketAddress) {
        self = .address(address.subscriber)
    }
}
