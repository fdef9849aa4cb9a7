import HTTP
import HTTPTypes
import Platform

/// What pages of other sites may do.
///
/// Browsers let a page of any site send a form anywhere, and say in Origin whose page it was. What changes something is
/// refused to pages of others, whose answers no browser shows them either, unless the operator has named their origin;
/// then CORS lets them read answers too (the Fetch standard, 3.2). Keys are Bearer tokens that a page has to have, and the
/// cookie of a session counts for the server's own pages alone, so that credentials are never allowed.
public struct OriginRules: Sendable {
    /// `https://app.example`, in parts.
    private struct Origin {
        let scheme: String
        let authority: Authority
        /// The port that goes without saying.
        var usualPort: UInt16 { scheme == "https" ? 443 : 80 }
        var port: UInt16 { authority.port ?? usualPort }

        init?(_ text: some StringProtocol) {
            for scheme in ["https", "http"] where text.utf8.starts(with: "\(scheme)://".utf8) {
                guard let authority = Authority(text.utf8.dropFirst(scheme.utf8.count + 3)) else { return nil }
                self.scheme = scheme
                self.authority = authority
                return
            }
            return nil
        }
    }

    private struct Pattern {
        let scheme: String
        let host: AllowedHost
    }

    private let patterns: [Pattern]
    private let allowsAny: Bool
    let isSecure: Bool

    /// - Parameters:
    ///   - texts: `https://app.example`, perhaps with a port, `https://*.example`, or `*` for any.
    ///   - isSecure: whether the server speaks TLS, so that pages of its own are https.
    public init(_ texts: [String] = [], isSecure: Bool = false) throws(AccessRuleError) {
        var patterns: [Pattern] = []
        for text in texts where text != "*" {
            guard let pattern = Self.pattern(text) else {
                throw AccessRuleError(
                    "'\(text.prefix(80))' is no origin: expected https://app.example, perhaps with :PORT, "
                        + "https://*.example or *")
            }
            patterns.append(pattern)
        }
        self.patterns = patterns
        allowsAny = texts.contains("*")
        self.isSecure = isSecure
    }

    private init() {
        patterns = []
        allowsAny = false
        isSecure = false
    }

    /// Pages of no other site may change anything.
    public static let none = OriginRules()

    private static func pattern(_ text: String) -> Pattern? {
        for scheme in ["https", "http"] where text.utf8.starts(with: "\(scheme)://".utf8) {
            let rest = String(decoding: text.utf8.dropFirst(scheme.utf8.count + 3), as: UTF8.self)
            guard rest != "*", let host = AllowedHost(rest) else { return nil }
            return Pattern(scheme: scheme, host: host)
        }
        return nil
    }
}

extension OriginRules {
    /// Whether the request is a page's of another site, as far as it tells: by Origin, else by Sec-Fetch-Site.
    func isForeign(_ head: RequestHead) -> Bool {
        guard let text = head.fields[.origin] else {
            guard let site = head.fields[.secFetchSite] else { return false }
            return site != "same-origin" && site != "none"
        }
        return !isOwn(text, head)
    }

    /// Whether the request is of the server's own page, or of nobody's, as where a person has typed an address. What changes
    /// something has to say so: browsers do.
    func isOwn(_ head: RequestHead) -> Bool {
        guard Self.isUnsafe(head.method) else { return !isForeign(head) }
        return head.fields[.origin].map { isOwn($0, head) } ?? (head.fields[.secFetchSite] == "same-origin")
    }

    /// Whether the browser has come by TLS, to the server or to a proxy before it.
    func isByTLS(_ head: RequestHead) -> Bool {
        isSecure || head.fields[.origin].map { $0.utf8.starts(with: "https://".utf8) } ?? false
    }

    /// Whether an origin is the one that the request was sent to. A server that does not speak TLS takes either scheme,
    /// since a proxy before it may; but the ports have to be the same.
    private func isOwn(_ text: String, _ head: RequestHead) -> Bool {
        guard let origin = Origin(text), origin.scheme == "https" || !isSecure,
            let own = head.authority.flatMap({ Authority($0) })
        else { return false }
        return origin.authority.host == own.host && origin.port == own.port ?? origin.usualPort
    }

    /// Whether the operator lets pages of the request's origin in.
    func allows(_ head: RequestHead) -> Bool {
        if allowsAny { return true }
        return !patterns.isEmpty && head.fields[.origin].map(allows) ?? false
    }

    private func allows(_ text: String) -> Bool {
        if allowsAny { return true }
        guard let origin = Origin(text) else { return false }
        return patterns.contains { pattern in
            // An origin without a port is that of the usual one, and of no other.
            pattern.scheme == origin.scheme && (pattern.host.port ?? origin.usualPort) == origin.port
                && pattern.host.matches(origin.authority, usualPorts: [origin.usualPort])
        }
    }

    /// Whether a request would change something.
    static func isUnsafe(_ method: HTTPRequest.Method) -> Bool {
        switch method {
        case .get, .head, .options, .trace: false
        default: true
        }
    }
}

extension OriginRules {
    /// Fields of answers that pages may read beyond those that they always may.
    static let exposed = [
        "Accept-Post", "Allow", "Content-Disposition", "Content-Encoding", "ETag", "Idempotency-Replayed",
        "Inference-Header-Content-Length", "Location", "Preference-Applied", "RateLimit", "RateLimit-Policy",
        "Retry-After", "Server-Timing", "WWW-Authenticate",
        "X-Request-Id",
    ].joined(separator: ", ")
    /// Seconds for which a browser need not ask again; the most that Chromium grants.
    private static let maxAge = "7200"

    /// What the answer to a request gets, whatever it is: leave for an allowed origin's page to read it. Nil where no origin
    /// is allowed.
    func fields(for head: RequestHead) -> HTTPFields? {
        guard allowsAny || !patterns.isEmpty else { return nil }
        return fields(ofOrigin: head.fields[.origin])
    }

    /// The same of a request whose origin is known alone.
    func fields(ofOrigin origin: String?) -> HTTPFields? {
        guard allowsAny || !patterns.isEmpty else { return nil }
        // Without Vary a cache would hand what one origin may read to another, or the other way round.
        var fields: HTTPFields = allowsAny ? [:] : [.vary: "Origin"]
        guard let origin, allows(origin) else { return fields }
        fields[.accessControlAllowOrigin] = allowsAny ? "*" : origin
        fields[.accessControlExposeHeaders] = Self.exposed
        return fields
    }

    /// A byte of a field's name, as most are written.
    private static func isOfName(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }

    /// The answer to a preflight of an allowed origin; nil for any other request.
    func preflight(_ head: RequestHead) -> Response? {
        guard head.method == .options, head.fields.contains(.origin), allows(head),
            head.fields.contains(.accessControlRequestMethod)
        else { return nil }
        var fields: HTTPFields = [
            .accessControlAllowMethods: "DELETE, GET, HEAD, OPTIONS, POST, PUT", .accessControlMaxAge: Self.maxAge,
        ]
        if let asked = head.fields[.accessControlRequestHeaders] {
            // No field does harm by its name: what it may say is checked as anybody's is.
            let names = asked.utf8.split(separator: UInt8(ascii: ",")).map { $0.filter { $0 != UInt8(ascii: " ") } }
                .filter { !$0.isEmpty && $0.allSatisfy(Self.isOfName) }
            fields[.accessControlAllowHeaders] = names.map { String(decoding: $0, as: UTF8.self) }
                .joined(separator: ", ")
            fields[.vary] = "Access-Control-Request-Headers"
        }
        if head.fields[.accessControlRequestPrivateNetwork] == "true" {
            fields[.accessControlAllowPrivateNetwork] = "true"
        }
        return Response(status: .noContent, fields: fields)
    }
}

extension HTTPField.Name {
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .accept
    static let accessControlRequestPrivateNetwork =
        HTTPField.Name("Access-Control-Request-Private-Network") ?? .accept
    static let accessControlAllowPrivateNetwork = HTTPField.Name("Access-Control-Allow-Private-Network") ?? .accept
}
