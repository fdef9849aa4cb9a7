import HTTPTypes
import Platform
import Testing

@testable import HTTP

@Suite("whom a proxy speaks for")
struct ForwardedTests {
    /// Trusts 10.0.0.0/8 and 2001:db8:aaaa::/48.
    private func client(
        _ fields: [(HTTPField.Name, String)], from peer: String = "10.0.0.1"
    ) throws -> SocketAddress {
        let trust = TrustedProxies(ranges: try ["10.0.0.0/8", "2001:db8:aaaa::/48"].map { try AddressRange($0) })
        return trust.client(
            of: HeaderFields(fields.map { (name: $0, value: $1) }), from: SocketAddress(host: peer, port: 5))
    }

    private static let own = "10.0.0.1:5"

    @Test(
        "X-Forwarded-For is walked from its end through trusted proxies",
        arguments: [
            ("192.0.2.1", "192.0.2.1:0"), ("192.0.2.1:80", "192.0.2.1:80"), ("1.1.1.1, 192.0.2.1", "192.0.2.1:0"),
            ("192.0.2.1, 10.0.0.9", "192.0.2.1:0"), ("6.6.6.6, 192.0.2.1 ,10.1.1.1,\t10.0.0.9", "192.0.2.1:0"),
            ("2001:db8::1", "[2001:db8::1]:0"), ("[2001:db8::1]:7", "[2001:db8::1]:7"),
            ("[2001:db8::1]", "[2001:db8::1]:0"),
            ("192.0.2.1, 2001:db8:aaaa::9", "192.0.2.1:0"), ("::ffff:192.0.2.1", "192.0.2.1:0"),
            ("10.0.0.7", "10.0.0.7:0"), ("", own), ("unknown", own), ("192.0.2.1, unknown", own), ("192.0.2.1,", own),
            ("192.0.2.1, garbage, 10.0.0.9", "10.0.0.9:0"), ("1.2.3.4:99999", own), ("[1.2.3.4]", own), ("[::1", own),
            ("1.2.3.4:", own), ("[::1]x", own), ("localhost", own),
        ])
    func forwardedFor(value: String, expected: String) throws {
        #expect(try client([(.xForwardedFor, value)]).description == expected)
    }

    @Test(
        "Forwarded is walked in the same way (RFC 7239)",
        arguments: [
            ("for=192.0.2.1", "192.0.2.1:0"), ("For=\"192.0.2.1:4711\";proto=https;by=10.0.0.1", "192.0.2.1:4711"),
            ("for=\"[2001:db8::1]:7\"", "[2001:db8::1]:7"), ("proto=http;for=\"[2001:db8::1]\"", "[2001:db8::1]:0"),
            ("for=6.6.6.6, for=192.0.2.1;proto=http , for=10.0.0.9", "192.0.2.1:0"),
            ("for=192.0.2.1, for=_hidden, for=10.0.0.9", "10.0.0.9:0"), ("for=\"192.0.2.1:_port\"", "192.0.2.1:0"),
            ("for=_hidden", own), ("for=unknown", own), ("proto=http", own), ("", own),
            ("for=192.0.2.1;for=192.0.2.2", own), ("for=192.0.2.1 for=1.1.1.1", own), ("for", own),
            ("for=\"192.0.2.1", own),
            // What a client may send so that the proxy's own element disappears in a quoted string of it.
            ("for=6.6.6.6;x=\", for=192.0.2.1", own), ("for=6.6.6.6;x=\", for=\"[2001:db8::1]\"", own),
            ("host=\"a\\\"b\";for=192.0.2.1", "192.0.2.1:0"),
        ])
    func forwarded(value: String, expected: String) throws {
        #expect(try client([(.forwarded, value)]).description == expected)
    }

    @Test("several lines are one list")
    func lines() throws {
        let lines: [(HTTPField.Name, String)] = [(.xForwardedFor, "6.6.6.6, 192.0.2.1"), (.xForwardedFor, "10.0.0.9")]
        #expect(try client(lines).description == "192.0.2.1:0")
        #expect(try client([(.forwarded, "for=\"broken"), (.forwarded, "for=192.0.2.1")]).description == "192.0.2.1:0")
        #expect(try client([(.forwarded, "for=192.0.2.1"), (.forwarded, "for=\"broken")]).description == Self.own)
    }

    @Test("of two fields that differ neither is believed")
    func bothFields() throws {
        #expect(try client([(.forwarded, "for=6.6.6.6"), (.xForwardedFor, "192.0.2.1")]).description == Self.own)
        #expect(try client([(.forwarded, "for=192.0.2.1"), (.xForwardedFor, "192.0.2.1")]).host == "192.0.2.1")
    }

    @Test("what an untrusted client writes is ignored", arguments: ["192.0.2.9", "11.0.0.1", "unix", "unknown"])
    func untrusted(peer: String) throws {
        let forged: [(HTTPField.Name, String)] = [(.forwarded, "for=1.1.1.1"), (.xForwardedFor, "1.1.1.1")]
        #expect(try client(forged, from: peer).host == peer)
    }

    @Test(
        "who comes by a proxy on this machine that does not say so is unknown, and nobody on this machine",
        arguments: ["127.0.0.1", "::1", "unix"])
    func here(proxy: String) throws {
        let nearest = proxy == "unix" ? SocketAddress.unix : SocketAddress(host: proxy, port: 9)
        let ranges = try ["127.0.0.0/8", "::1"].map { try AddressRange($0) }
        let proxies = TrustedProxies(ranges: ranges, includesUnixSockets: true)
        let differing: [(name: HTTPField.Name, value: String)] = [
            (.forwarded, "for=6.6.6.6"), (.xForwardedFor, "192.0.2.1"),
        ]
        #expect(proxies.client(of: HeaderFields(differing), from: nearest) == .unknown)
        for value in ["unknown", "", "1.2.3.4 garbage"] {
            #expect(proxies.client(of: HeaderFields([(.xForwardedFor, value)]), from: nearest) == .unknown)
        }
        #expect(proxies.client(of: HeaderFields(), from: nearest) == nearest)
    }

    @Test("who comes by a Unix socket is trusted where that is named")
    func unix() {
        let fields = HeaderFields([(.xForwardedFor, "192.0.2.1")])
        #expect(TrustedProxies(includesUnixSockets: true).client(of: fields, from: .unix).host == "192.0.2.1")
        #expect(TrustedProxies().client(of: fields, from: .unix) == .unix)
    }
}
