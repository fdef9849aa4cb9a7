import HTTP
import HTTPTypes
import Platform
import Synchronization

/// Who has signed in: a browser's page, which sends a cookie with each request in place of a key that it would have to keep.
///
/// A session is a key's: its bearer may do what the key may, until eight hours are over, somebody signs out, or the key is revoked,
/// has expired or has another secret. Of a token there is its SHA-256 alone, in memory, so that all end with the process.
/// A cookie counts only for requests of the server's own pages, which other sites can't make a browser send.
public final class Sessions: Sendable {
    private struct Session {
        /// By which the oldest of two is told.
        let number: UInt64
        let key: String
        let secret: KeyDigest
        let end: MonotonicTime
    }

    private struct Table {
        var sessions: [[UInt8]: Session] = [:]
        var begun: UInt64 = 0
        var random = SystemRandom()

        /// Ends the oldest of those that are meant.
        mutating func endOldest(where isMeant: (Session) -> Bool) {
            let oldest = sessions.filter { isMeant($0.value) }.min { $0.value.number < $1.value.number }
            if let oldest { sessions[oldest.key] = nil }
        }
    }

    /// How long a session lasts.
    static let lifetime = Duration.seconds(28_800)
    /// How many a key has at a time; one more ends its oldest.
    static let mostOfKey = 32

    private let most: Int
    private let origins: OriginRules
    private let now: @Sendable () -> MonotonicTime
    private let table = Mutex(Table())

    /// - Parameters:
    ///   - origins: tell the server's own pages from others
    ///   - most: how many sessions there are at a time; one more ends the oldest
    init(
        origins: OriginRules, most: Int = 8_192,
        now: @escaping @Sendable () -> MonotonicTime = { MonotonicTime.now }
    ) {
        self.origins = origins
        self.most = most
        self.now = now
    }

    /// A new session of a key: its token, which nobody can foretell and nobody is told again.
    func begin(of key: APIKey) -> String {
        let now = now()
        return table.withLock { table in
            table.sessions = table.sessions.filter { $0.value.end > now }
            if table.sessions.count(where: { $0.value.key.hasBytes(of: key.name) }) >= Self.mostOfKey {
                table.endOldest { $0.key.hasBytes(of: key.name) }
            }
            if table.sessions.count >= most { table.endOldest { _ in true } }
            let token = Self.token(&table.random)
            table.begun += 1
            table.sessions[Self.digest(of: token)] = Session(
                number: table.begun, key: key.name, secret: key.digest, end: now + Self.lifetime)
            return token
        }
    }

    /// Ends a session, if there is one of this token.
    func end(_ token: String) {
        table.withLock { $0.sessions[Self.digest(of: token)] = nil }
    }

    /// The key of a session, and how long that lasts; nil where it has ended, or was none.
    func key(of token: String, among keys: APIKeys) -> (key: APIKey, left: Duration)? {
        let now = now()
        guard let session = table.withLock({ $0.sessions[Self.digest(of: token)] }), session.end > now,
            let key = keys[session.key], key.digest.matches(session.secret)
        else { return nil }
        return (key, session.end - now)
    }

    /// How many there are that have not been found to have ended.
    var count: Int { table.withLock { $0.sessions.count } }

    /// 64 hexadecimal digits of 256 random bits.
    private static func token(_ random: inout SystemRandom) -> String {
        let bits = (0..<4).map { _ in random.next() as UInt64 }
        return bits.withUnsafeBytes { SHA256.hexDigest(of: $0) }
    }

    private static func digest(of token: String) -> [UInt8] {
        var digest = SHA256()
        Array(token.utf8).withUnsafeBytes { digest.update($0) }
        return digest.finalize()
    }
}

/// The cookie that carries a token.
extension Sessions {
    /// The cookie's name; over TLS with a prefix, by which browsers take it from this very host and over TLS alone.
    static let name = "vigil-session"
    static let guardedName = "__Host-" + name

    /// The token of a request's cookie; nil where there is none, or where the request may be another site's.
    ///
    /// Of two that differ one may be planted, so that neither is taken.
    func token(in head: RequestHead) -> String? {
        guard origins.isOwn(head) else { return nil }
        let (plain, guarded) = tokens(in: head, isPlainTaken: !origins.isSecure)
        let tokens = guarded.isEmpty ? plain : guarded
        return tokens.count == 1 ? tokens.first?.text : nil
    }

    /// Ends all sessions that a request's cookies may be of, unless another site's page has sent it: whoever signs out is out,
    /// whatever was planted beside, and whatever the client says of whose page it is.
    func endAll(in head: RequestHead) {
        guard !origins.isForeign(head) else { return }
        let (plain, guarded) = tokens(in: head, isPlainTaken: true)
        for token in plain.union(guarded) { end(token.text) }
    }

    /// What stands in the cookies of both names.
    private func tokens(
        in head: RequestHead, isPlainTaken: Bool
    ) -> (plain: Set<ByteText>, guarded: Set<ByteText>) {
        guard let text = head.fields[.cookie] else { return ([], []) }
        var plain: Set<ByteText> = []
        var guarded: Set<ByteText> = []
        // A comma stands between fields, of which HTTP/1.1 has one.
        for pair in text.utf8.split(whereSeparator: { $0 == UInt8(ascii: ";") || $0 == UInt8(ascii: ",") }) {
            let pair = APIKeys.trimmed(Substring(pair))
            if let value = pair.rest(after: Self.guardedName + "=") {
                guarded.insert(ByteText(String(value)))
            } else if isPlainTaken, let value = pair.rest(after: Self.name + "=") {
                plain.insert(ByteText(String(value)))
            }
        }
        return (plain, guarded)
    }

    /// What the answer to a request tells its browser: to keep a token, or for nil to forget the one that it has.
    func field(_ token: String?, for head: RequestHead) -> String {
        let isGuarded = origins.isByTLS(head)
        return "\(isGuarded ? Self.guardedName : Self.name)=\(token ?? ""); Path=/; HttpOnly; SameSite=Strict; "
            + "Max-Age=\(token == nil ? 0 : Self.lifetime.components.seconds)" + (isGuarded ? "; Secure" : "")
    }
}
