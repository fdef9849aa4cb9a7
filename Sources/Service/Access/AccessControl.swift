import HTTP
import HTTPTypes

/// Stands before all endpoints but those of health: asks for a key where keys are configured, and counts requests where
/// a rate is.
public struct AccessControl: Sendable {
    /// What orchestrators ask, who have no keys.
    private static let open: Set<String> = ["/livez", "/readyz", "/healthz"]

    private let keys: APIKeyFile?
    private let limiter: RateLimiter?

    /// Without keys everyone may come in, without a limiter as often as they like.
    public init(keys: APIKeyFile?, limiter: RateLimiter?) {
        self.keys = keys
        self.limiter = limiter
    }

    /// The gate for the server; nil where there is nothing to ask.
    public var gate: RequestGate? {
        guard keys != nil || limiter != nil else { return nil }
        return { head, peer throws(HTTPProblem) in try self.admit(head, from: peer) }
    }

    /// Lets a request in, or throws 401 or 429.
    ///
    /// A request without a valid key counts for its address, so that guessing is limited too.
    func admit(_ head: RequestHead, from peer: SocketAddress) throws(HTTPProblem) -> Admission {
        let address = ClientIdentity(peer)
        if Self.open.contains(head.path) { return Admission(client: address) }
        var client = address
        var refusal: HTTPProblem?
        if let keys = keys?.current {
            do throws(HTTPProblem) { client = try Self.bearer(of: head, among: keys) } catch { refusal = error }
        }
        let fields = try limiter?.admit(client) ?? [:]
        if let refusal { throw refusal }
        return Admission(client: client, fields: fields)
    }

    /// Whose key the Authorization field carries (RFC 6750, 2.1).
    private static func bearer(of head: RequestHead, among keys: APIKeys) throws(HTTPProblem) -> ClientIdentity {
        guard let value = head.fields[.authorization] else { throw Problem.noKey }
        let bytes = Array(value.utf8)
        guard bytes.count > 7,
            zip(bytes, "bearer ".utf8).allSatisfy({ $0 == $1 || (0x41...0x5A).contains($0) && $0 | 0x20 == $1 })
        else { throw Problem.noKey }
        guard let name = keys.name(of: bytes[7...].drop { $0 == UInt8(ascii: " ") }) else { throw Problem.unknownKey }
        return .key(name)
    }
}
