public import HTTP
import HTTPTypes
public import Jobs
public import Platform

/// Stands before all endpoints: takes only the server's own names, refuses what pages of other sites send, asks for a key
/// where keys are configured, and counts requests where a rate is. Those of health are open to all, but tell the
/// details only to those who may see them.
public struct AccessControl: Sendable {
    private let keys: APIKeyFile?
    private let limiter: RateLimiter?
    private let hosts: HostRules
    private let origins: OriginRules
    private let showsMetricsToAll: Bool
    /// Who has signed in; nil where there are no keys.
    public let sessions: Sessions?
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
    ///   - now: the clock by which sessions end
    public init(
        keys: APIKeyFile?, limiter: RateLimiter?, hosts: HostRules = .none, origins: OriginRules = .none,
        showsMetricsToAll: Bool = false, wall: @escaping @Sendable () -> WallTime = { SystemClock().wall },
        now: @escaping @Sendable () -> MonotonicTime = { MonotonicTime.now }
    ) {
        sessions = keys.map { _ in Sessions(origins: origins, now: now) }
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

    /// What the answers have to what is refused before the gate is asked: a page of an allowed origin may read them too. Nil where
    /// no origin is allowed.
    public var refusalFields: RefusalFields? {
        guard origins.fields(ofOrigin: nil) != nil else { return nil }
        return { [origins] in origins.fields(ofOrigin: $0) }
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
        var bySession = false
        if let keys = keys?.current {
            do throws(HTTPProblem) {
                let found = try bearer(of: head, among: keys)
                (key, bySession) = (found.key, found.bySession)
                client = .key(found.key.name)
            } catch { refusal = place == .open ? nil : error }
        }
        var fields: HTTPFields
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
        if bySession { fields.append(contentsOf: Self.personal) }
        return Admission(
            client: client, fields: fields, seesDetails: seesDetails, isTrusted: keys == nil || key != nil)
    }

    /// What is asked of a request by its path.
    private enum Place {
        /// Nothing, but that it may be seen who asks: health, which orchestrators ask for that have no keys and call the
        /// server by its address, and what HAProxy asks by default.
        case probe
        /// All but a key: what the types of problems lead to, those of a missing key among them, metrics that are public, and
        /// whether somebody is signed in, who may sign out.
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
            case AccessControl.session: self = head.method == .post ? .closed : .open
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
        guard let key = try? bearer(of: head, among: keys).key else {
            return Admission(client: address, isTrusted: false)
        }
        return Admission(client: .key(key.name), seesDetails: key.seesServer)
    }

    /// What a key's role has against a request; nil for nothing.
    private static func forbidden(_ head: RequestHead, to key: APIKey) -> HTTPProblem? {
        if head.path == session { return nil }
        if !key.mayChange, OriginRules.isUnsafe(head.method) { return Problem.readerOnly(key.name) }
        if OriginRules.isUnsafe(head.method), key.role != .admin, changesModels(head.path) {
            return Problem.adminOnly(key.name)
        }
        if head.path == "/metrics", !key.seesServer { return Problem.noMetrics(key.name) }
        return nil
    }

    /// Where sessions begin and end.
    static let session = "/session"

    /// What a cookie brought is its owner's alone, which an Authorization says by itself (RFC 9111, 3.5).
    private static let personal: HTTPFields = [.cacheControl: "private", .vary: "Cookie"]

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

    /// Whose a request is: by its key, or by the session of its cookie.
    private func bearer(
        of head: RequestHead, among keys: APIKeys
    ) throws(HTTPProblem) -> (key: APIKey, bySession: Bool) {
        // A session is begun with a key, so that none can be made last by itself.
        let mayBeSession = !(head.method == .post && head.path == Self.session)
        guard mayBeSession, !head.fields.contains(.authorization), let token = sessions?.token(in: head) else {
            return (try keys.bearer(of: head, at: wall()), false)
        }
        guard let key = sessions?.key(of: token, among: keys)?.key, key.expires.map({ $0 > wall() }) ?? true else {
            throw Problem.sessionEnded
        }
        return (key, true)
    }
}
