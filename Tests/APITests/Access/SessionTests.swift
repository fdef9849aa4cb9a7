import Foundation
import HTTP
import HTTPTypes
import Jobs
import Platform
import Synchronization
import TestSupport
import Testing

@testable import API

@Suite("sessions of pages")
struct SessionTests {
    private static let peer = SocketAddress(host: "192.0.2.1", port: 5)
    private static let own = "http://vigil.example"
    private static let text = APIKeysTests.line("alice", "one") + APIKeysTests.line("bob", "two", " role=reader")

    /// A clock that a test sets, and a file of keys that it writes.
    private final class Place: Sendable {
        let path = FileManager.default.temporaryDirectory.appending(path: "vigil-keys-\(UUID())").path
        let keys: APIKeyFile
        let access: AccessControl

        init(origins: OriginRules = .none, limiter: RateLimiter? = nil) throws {
            try SessionTests.text.write(toFile: path, atomically: true, encoding: .utf8)
            keys = try APIKeyFile(path: path)
            let now = Box()
            access = AccessControl(keys: keys, limiter: limiter, origins: origins, now: { now.time })
            clock = now
        }

        private let clock: Box

        final class Box: Sendable {
            let value = Mutex(MonotonicTime(nanoseconds: 1_000_000_000))
            var time: MonotonicTime { value.withLock(\.self) }
        }

        func wait(_ duration: Duration) { clock.value.withLock { $0 = $0 + duration } }

        func write(_ text: String) throws {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            try keys.reload()
        }

        func begin(_ name: String = "alice") throws -> String {
            try #require(access.sessions).begin(of: try #require(keys.current[name]))
        }

        deinit { try? FileManager.default.removeItem(atPath: path) }

        /// Whose a request is that has this cookie: a key's name, or the title of what is said against it.
        func who(
            _ cookie: String, _ method: HTTPRequest.Method = .get, _ path: String = "/jobs",
            _ more: [(name: HTTPField.Name, value: String)] = [(.origin, own)]
        ) throws -> String {
            let fields = [(name: HTTPField.Name.hostField, value: "vigil.example"), (.cookie, cookie)] + more
            let head = RequestHead(method: method, path: path, fields: HeaderFields(fields))
            do {
                let admission = try access.admit(head, from: SessionTests.peer)
                if case .refused(let problem) = admission.verdict { return problem.slug }
                if case .refusedAtOnce(let problem) = admission.verdict { return problem.slug }
                return admission.client.description
            } catch { return error.slug }
        }
    }

    @Test("a cookie stands for its key, with the key's role")
    func counts() throws {
        let place = try Place()
        let (alice, bob) = (try place.begin(), try place.begin("bob"))
        #expect(alice != bob && alice.utf8.count == 64)
        #expect(try place.who("vigil-session=\(alice)") == "key alice")
        #expect(try place.who("a=b; vigil-session=\(alice); c=d", .post, "/score") == "key alice")
        #expect(try place.who("vigil-session=\(bob)") == "key bob")
        #expect(try place.who("vigil-session=\(bob)", .post, "/score") == "role-forbids")
        #expect(try place.who("vigil-session=\(bob)", .delete, "/session") == "key bob")
    }

    @Test("what it brings is for no cache that others share")
    func personal() throws {
        let place = try Place()
        let fields = [(name: HTTPField.Name.cookie, value: "vigil-session=\(try place.begin())")]
        let head = RequestHead(method: .get, path: "/jobs", fields: HeaderFields(fields))
        let admission = try place.access.admit(head, from: Self.peer)
        #expect(admission.fields[.cacheControl] == "private" && admission.fields[.vary] == "Cookie")
    }

    @Test("a token that is none, or nearly one, is none", arguments: [0, 31, 63])
    func tampered(at place: Int) throws {
        let place = (place, try Place())
        let token = try place.1.begin()
        var bytes = Array(token.utf8)
        bytes[place.0] = bytes[place.0] == UInt8(ascii: "0") ? UInt8(ascii: "1") : UInt8(ascii: "0")
        let other = String(decoding: bytes, as: UTF8.self)
        for cookie in [other, "", token.uppercased() + "x", String(token.dropLast()), token + "0"] {
            #expect(try place.1.who("vigil-session=\(cookie)") == "unauthorized", "\(cookie)")
        }
    }

    @Test("it is over after eight hours, when the key is revoked or has another secret, and when somebody signs out")
    func ends() throws {
        let place = try Place()
        var token = try place.begin()
        place.wait(.seconds(28_799))
        #expect(try place.who("vigil-session=\(token)") == "key alice")
        place.wait(.seconds(1))
        #expect(try place.who("vigil-session=\(token)") == "unauthorized")
        token = try place.begin()
        try place.write(APIKeysTests.line("alice", "one", " revoked=2020-01-01"))
        #expect(try place.who("vigil-session=\(token)") == "unauthorized")
        // What was revoked by mistake is good again.
        try place.write(Self.text)
        #expect(try place.who("vigil-session=\(token)") == "key alice")
        try place.write(APIKeysTests.line("alice", "another"))
        #expect(try place.who("vigil-session=\(token)") == "unauthorized")
        try place.write(APIKeysTests.line("alice", "one", " expires=2020-01-01"))
        #expect(try place.who("vigil-session=\(token)") == "unauthorized")
        try place.write(Self.text)
        place.access.sessions?.end(token)
        #expect(try place.who("vigil-session=\(token)") == "unauthorized")
    }

    @Test("who signs out is out, whatever was planted beside, but for another site's page")
    func signingOut() throws {
        let place = try Place()
        let sessions = try #require(place.access.sessions)
        let planted = "a=b; vigil-session=planted; __Host-vigil-session=planted"
        for (more, isOut) in [
            ([(HTTPField.Name.origin, Self.own)], true), ([], true), ([(.secFetchSite, "same-site")], false),
            ([(.origin, "http://evil.example")], false),
        ] as [([(name: HTTPField.Name, value: String)], Bool)] {
            let (one, two) = (try place.begin(), try place.begin("bob"))
            let cookies = "vigil-session=\(one); \(planted); __Host-vigil-session=\(two)"
            let fields = [(name: HTTPField.Name.hostField, value: "vigil.example"), (.cookie, cookies)] + more
            sessions.endAll(in: RequestHead(method: .delete, path: "/session", fields: HeaderFields(fields)))
            for (token, name) in [(one, "alice"), (two, "bob")] {
                #expect(try place.who("vigil-session=\(token)") == (isOut ? "unauthorized" : "key \(name)"), "\(more)")
            }
        }
    }

    @Test("a key has 32 at a time, of which the oldest makes room; all keys together have so many as are said")
    func bounded() throws {
        let place = try Place()
        let first = try place.begin()
        let other = try place.begin("bob")
        for _ in 0..<31 { _ = try place.begin() }
        #expect(try place.who("vigil-session=\(first)") == "key alice")
        _ = try place.begin()
        #expect(try place.who("vigil-session=\(first)") == "unauthorized")
        #expect(try place.who("vigil-session=\(other)") == "key bob")
        let few = Sessions(origins: .none, most: 3)
        let key = try #require(place.keys.current["alice"])
        let tokens = (0..<5).map { _ in few.begin(of: key) }
        #expect(few.count == 3)
        #expect(tokens.map { few.key(of: $0, among: place.keys.current) != nil } == [false, false, true, true, true])
    }

    @Test("it counts for the server's own pages alone, whatever origins are allowed")
    func crossSite() throws {
        let place = try Place(origins: try OriginRules(["https://app.example"]))
        let cookie = "vigil-session=\(try place.begin())"
        let fetch = HTTPField.Name.secFetchSite
        for (more, get, post) in [
            ([(HTTPField.Name.origin, Self.own)], "key alice", "key alice"),
            ([(fetch, "same-origin")], "key alice", "key alice"),
            // As an address that was typed; a form always says whose it is.
            ([], "key alice", "unauthorized"), ([(fetch, "none")], "key alice", "unauthorized"),
            ([(fetch, "same-site")], "unauthorized", "origin-not-allowed"),
            ([(fetch, "cross-site")], "unauthorized", "origin-not-allowed"),
            ([(.origin, "http://vigil.example:8080")], "unauthorized", "origin-not-allowed"),
            ([(.origin, "null")], "unauthorized", "origin-not-allowed"),
            ([(.origin, "https://app.example")], "unauthorized", "unauthorized"),
        ] as [([(name: HTTPField.Name, value: String)], String, String)] {
            #expect(try place.who(cookie, .get, "/jobs", more) == get, "\(more)")
            #expect(try place.who(cookie, .post, "/score", more) == post, "\(more)")
        }
    }

    @Test("a key that comes beside it counts alone, also one that is none")
    func besideAKey() throws {
        let place = try Place()
        let cookie = "vigil-session=\(try place.begin())"
        let own = (name: HTTPField.Name.origin, value: Self.own)
        #expect(try place.who(cookie, .get, "/jobs", [own, (.authorization, "Bearer two")]) == "key bob")
        #expect(try place.who(cookie, .get, "/jobs", [own, (.authorization, "Bearer three")]) == "unauthorized")
    }

    @Test("a session is begun with a key, and by none that there is; of two cookies that differ neither counts")
    func fixation() throws {
        let place = try Place()
        let (one, two) = (try place.begin(), try place.begin("bob"))
        #expect(try place.who("vigil-session=\(one)", .post, "/session") == "unauthorized")
        #expect(try place.who("vigil-session=\(one); vigil-session=\(two)") == "unauthorized")
        #expect(try place.who("vigil-session=\(one); vigil-session=\(one)") == "key alice")
        // What another host of the domain, or one without TLS, has planted has no prefix.
        #expect(try place.who("vigil-session=\(two); __Host-vigil-session=\(one)") == "key alice")
        let tls = try Place(origins: try OriginRules(isSecure: true))
        let token = try tls.begin()
        let own = [(name: HTTPField.Name.origin, value: "https://vigil.example")]
        #expect(try tls.who("vigil-session=\(token)", .get, "/jobs", own) == "unauthorized")
        #expect(try tls.who("__Host-vigil-session=\(token)", .get, "/jobs", own) == "key alice")
    }

    @Test("the cookie is for this host, no script and no other site, over TLS for nothing else")
    func field() throws {
        func field(_ origins: OriginRules, _ origin: String, _ token: String? = "t") -> String {
            let head = RequestHead(method: .post, path: "/session", fields: HeaderFields([(.origin, origin)]))
            return Sessions(origins: origins).field(token, for: head)
        }
        let rest = "; Path=/; HttpOnly; SameSite=Strict; Max-Age="
        #expect(field(.none, "http://a") == "vigil-session=t\(rest)28800")
        #expect(field(.none, "http://a", nil) == "vigil-session=\(rest)0")
        // A proxy speaks TLS.
        #expect(field(.none, "https://a") == "__Host-vigil-session=t\(rest)28800; Secure")
        #expect(try field(OriginRules(isSecure: true), "http://a") == "__Host-vigil-session=t\(rest)28800; Secure")
    }

    @Test("guesses count for the address, as those of keys do, and a session's requests for its key")
    func limited() throws {
        let place = try Place(limiter: RateLimiter(RateLimit(perSecond: 1, burst: 3)) { 0 })
        let token = try place.begin()
        let guesses = try (0..<5).map { try place.who("vigil-session=\($0)") }
        #expect(guesses == Array(repeating: "unauthorized", count: 3) + ["rate-limited", "rate-limited"])
        #expect(try place.who("vigil-session=\(token)") == "key alice")
        #expect(try place.who("vigil-session=none", .get, "/session") == "rate-limited")
    }

    @Test("without keys nobody signs in")
    func withoutKeys() throws {
        let access = AccessControl(keys: nil, limiter: nil)
        #expect(access.sessions == nil)
        let fields = [(name: HTTPField.Name.cookie, value: "vigil-session=x")]
        let head = RequestHead(method: .get, path: "/jobs", fields: HeaderFields(fields))
        #expect(try access.admit(head, from: Self.peer).client == .address("192.0.2.1"))
    }

    @Test("what is told of it has the described properties, and no other")
    func described() throws {
        var conformance = Conformance(try APIDescription())
        let place = try Place()
        let key = try #require(place.keys.current["alice"])
        let wall = WallTime(milliseconds: 0)
        let now = VigilService.session(of: key, left: .seconds(60), at: wall, isNeeded: true)
        try conformance.check(now.bytes, "Session")
        #expect(String(decoding: now.bytes, as: UTF8.self).contains(#""expires_at":"1970-01-01T00:01:00.000Z""#))
        try conformance.check(VigilService.session(of: nil, left: nil, at: wall, isNeeded: false).bytes, "Session")
        #expect(conformance.differences == [] && conformance.unseen(in: ["Session"]) == [])
    }
}
