public import HTTP
import HTTPTypes
public import Jobs
import Platform

/// Stands before all endpoints: takes only the server's own names, refuses what pages of other sites send, asks for a key
/// where keys are configured, and counts requests where a rate is. Those of health are open to all, but tell the
/// details only to those who may see them.
public struct AccessControl: Sendable {
    private let keys: APIKeyFile?
    private let limiter: RateLimiter?
    private let hosts: HostRules
    private let origins: OriginRules
    private let showsMetricsToAll: Bool
    private let wall: @Sendable () -> WallTime

    /// Without keys everyone may come in, without a limiter as often as they like.
    ///
    /// - Parameters:
    ///   - keys: who may come in
    ///   - limiter: how often they may
    ///   - hosts: names of the server that are taken
    ///   - origins: pages of which other sites may send
    ///   - showsMetricsToAll: whether metrics are scraped without a key
    ///   - wall: the time of day, by which keys expire
    public init(
        keys: APIKeyFile?, limiter: RateLimiter?, hosts: HostRules = .none, origins: OriginRules = .none,
        showsMetricsToAll: Bool = false, wall: @escaping @Sendable () -> WallTime = { SystemClock().wall }
    ) {
        self.wall = wall
        self.showsMetricsToAll = showsMetricsToAll
        self.keys = keys
        self.limiter = limiter
        self.hosts = hosts
        self.origins = origins
    }

    /// The gate for the server.
    public var gate: RequestGate {
        { head, peer throws(HTTPProblem) in try self.admit(head, from: peer) }
    }

    /// Lets a request in, or refuses it with 401, 403 or 429. Whatever the answer is, it has the fields of CORS.
    func admit(_ head: RequestHead, from peer: SocketAddress) throws(HTTPProblem) -> Admission {
        guard let shared = origins.fields(for: head) else { return try decide(head, from: peer) }
        do throws(HTTPProblem) {
            var admission = try decide(head, from: peer)
            admission.fields.append(contentsOf: shared)
            return admission
        } catch {
            var problem = error
            problem.fields.append(contentsOf: shared)
            throw problem
        }
    }

    /// A request without a valid key counts for its address, so that guessing is limited too.
    private func decide(_ head: RequestHead, from peer: SocketAddress) throws(HTTPProblem) -> Admission {
        let address = ClientIdentity(peer)
        let named = NamedHost(head.authority)
        let isKnownHost = hosts.takes(named, from: peer)
        if isKnownHost, let preflight = origins.preflight(head) {
            return Admission(client: address, verdict: .answered(preflight))
        }
        let place = Place(of: head, isMetricsOpen: showsMetricsToAll)
        if place == .probe {
            return probe(head, from: peer, address, isKnownHost: isKnownHost, isLoopbackName: named.isLoopback)
        }
        guard isKnownHost else {
            return Admission(client: address, verdict: .refused(Problem.unknownHost(named.text ?? "")))
        }
        if place == .page { return Admission(client: address, isTrusted: keys == nil) }
        if OriginRules.isUnsafe(head.method), origins.isForeign(head), !origins.allows(head) {
            return Admission(client: address, verdict: .refused(Problem.foreignOrigin(head)))
        }
        if keys == nil, OriginRules.isUnsafe(head.method), Self.changesModels(head.path),
            !isHere(head, peer, isLoopbackName: named.isLoopback)
        {
            return Admission(client: address, verdict: .refused(Problem.onlyFromHere))
        }
        var client = address
        var refusal: HTTPProblem?
        var key: APIKey?
        if let keys = keys?.current {
            do throws(HTTPProblem) {
                let found = try bearer(of: head, among: keys)
                key = found
                client = .key(found.name)
            } catch { refusal = place == .open ? nil : error }
        }
        let fields: HTTPFields
        do throws(HTTPProblem) { fields = try limiter?.admit(client) ?? Admission.noFields } catch {
            return Admission(client: client, verdict: .refusedAtOnce(error))
        }
        if let refusal { throw refusal }
        if place == .closed, let key, let forbidden = Self.forbidden(head, to: key) {
            return Admission(client: client, fields: fields, verdict: .refusedAtOnce(forbidden))
        }
        let seesDetails =
            key?.seesServer
            ?? (keys == nil && ["/v1/server", "/v1/models"].contains(head.path)
                && isHere(head, peer, isLoopbackName: named.isLoopback))
        return Admission(
            client: client, fields: fields, seesDetails: seesDetails, isTrusted: keys == nil || key != nil)
    }

    /// What is asked of a request by its path.
    private enum Place {
        /// Nothing, but that it may be seen who asks: health, which orchestrators ask for that have no keys and call the
        /// server by its address, and what HAProxy asks by default.
        case probe
        /// All but a key: what the types of problems lead to, those of a missing key among them, and metrics that are public.
        case open
        /// Nothing at all: the web page, which is the same for everybody and asks for a key itself. Its many files come at once, so
        /// that a low rate would leave it half loaded.
        case page
        /// A key, where there are any.
        case closed

        init(of head: RequestHead, isMetricsOpen: Bool) {
            switch head.path {
            case "/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready": self = .probe
            case "/" where head.method == .get || head.method == .head, "/docs": self = .page
            case "/", "*": self = head.method == .options ? .probe : .closed
            case "/metrics": self = isMetricsOpen ? .open : .closed
            case let path:
                if path.utf8.starts(with: "/page/".utf8) {
                    self = .page
                    return
                }
                let isExplanation = path == ProblemTypes.path || path.utf8.starts(with: Problem.path.utf8)
                self = isExplanation ? .open : .closed
            }
        }
    }

    /// Whose key sees the server sees all there is to see; where there are none, who is on this machine and no page of a browser on
    /// it.
    private func probe(
        _ head: RequestHead, from peer: SocketAddress, _ address: ClientIdentity, isKnownHost: Bool,
        isLoopbackName: Bool?
    ) -> Admission {
        guard let keys = keys?.current else {
            return Admission(
                client: address, seesDetails: isKnownHost && isHere(head, peer, isLoopbackName: isLoopbackName))
        }
        guard let key = try? bearer(of: head, among: keys) else {
            return Admission(client: address, isTrusted: false)
        }
        return Admission(client: .key(key.name), seesDetails: key.seesServer)
    }

    /// What a key's role has against a request; nil for nothing.
    private static func forbidden(_ head: RequestHead, to key: APIKey) -> HTTPProblem? {
        if !key.mayChange, OriginRules.isUnsafe(head.method) { return Problem.readerOnly(key.name) }
        if OriginRules.isUnsafe(head.method), key.role != .admin, changesModels(head.path) {
            return Problem.adminOnly(key.name)
        }
        if head.path == "/metrics", !key.seesServer { return Problem.noMetrics(key.name) }
        return nil
    }

    /// Whether what a path is about is what the server serves to all.
    private static func changesModels(_ path: String) -> Bool {
        path.utf8.starts(with: "/v1/models/".utf8) || path.utf8.starts(with: "/v2/repository/models/".utf8)
    }

    /// Whether the request comes from this machine, from no page of a browser on it, and through no proxy on it, which comes
    /// from it for everybody.
    private func isHere(_ head: RequestHead, _ peer: SocketAddress, isLoopbackName: Bool?) -> Bool {
        (peer == .unix || (isLoopbackName ?? true) && peer.isLoopback) && !head.isPassedOn
            && !origins.isForeign(head)
    }

    /// Where other services have their keys.
    private static let otherPlaces = ["X-API-Key", "API-Key", "X-Auth-Token"].compactMap { HTTPField.Name($0) }

    /// Whose key the Authorization field carries (RFC 6750, 2.1).
    private func bearer(of head: RequestHead, among keys: APIKeys) throws(HTTPProblem) -> APIKey {
        guard let value = head.fields[.authorization] else {
            throw Problem.noKey(
                seen: Self.otherPlaces.first { head.fields.contains($0) }.map { "the field \($0.rawName)" })
        }
        let bytes = Array(value.utf8)
        guard bytes.count > 7, bytes[..<7].map(ASCII.lowercased).elementsEqual("bearer ".utf8) else {
            // Its scheme alone is no secret, and only where something follows it is there one.
            let scheme = bytes.prefix { ASCII.isAlphanumeric($0) }
            let isScheme = scheme.count <= 20 && bytes.dropFirst(scheme.count).first == ASCII.space
            throw Problem.noKey(
                seen: isScheme
                    ? "the scheme \(String(decoding: scheme, as: UTF8.self))" : "an Authorization of one word")
        }
        guard let key = keys.key(of: bytes[7...].drop { $0 == UInt8(ascii: " ") }), key.revoked == nil else {
            throw Problem.unknownKey
        }
        if let expires = key.expires, expires <= wall() { throw Problem.expiredKey(key.name, expires) }
        return key
    }
}
