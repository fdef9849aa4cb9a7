import Platform
import Testing

@testable import Webhooks

@Suite("whom notices may go to")
struct PolicyTests {
    @Test("by default to nobody")
    func off() throws {
        let url = try WebhookURL("https://hooks.example.com/")
        #expect(!WebhookPolicy().isOn)
        #expect(throws: WebhookRefusal.off) { try WebhookPolicy().check(url) }
    }

    @Test(
        "a pattern means the hosts that it should, and no others",
        arguments: [
            (
                "hooks.example.com", ["http://hooks.example.com/", "https://HOOKS.example.com:8443/"],
                ["http://example.com/", "http://a.hooks.example.com/", "http://hooks.example.com.evil.test/"]
            ),
            ("Hooks.Example.com:8443", ["https://hooks.example.com:8443/"], ["https://hooks.example.com/"]),
            ("hooks.example.com:443", ["https://hooks.example.com/"], ["http://hooks.example.com/"]),
            (
                "*.example.com", ["http://a.example.com/", "http://a.b.example.com:81/"],
                ["http://example.com/", "http://badexample.com/", "http://a.example.com.evil.test/"]
            ),
            ("*.example.com:81", ["http://a.example.com:81/"], ["http://a.example.com/"]),
            ("*", ["http://a/", "http://192.0.2.1/", "http://[::1]:9/"], []),
            ("*:443", ["https://a/"], ["http://a/", "https://a:444/"]),
            ("192.0.2.1", ["http://192.0.2.1/"], ["http://192.0.2.2/"]),
            ("[2001:DB8::1]:81", ["http://[2001:db8:0:0::1]:81/"], ["http://[2001:db8::1]/"]),
        ] as [(String, [String], [String])])
    func patterns(text: String, inside: [String], outside: [String]) throws {
        let pattern = try HostPattern(text)
        for url in inside { #expect(pattern.matches(try WebhookURL(url)), "\(url)") }
        for url in outside { #expect(!pattern.matches(try WebhookURL(url)), "\(url)") }
        #expect(try HostPattern("\(pattern)") == pattern)
    }

    @Test(
        "what is no pattern is refused in one sentence that shows it",
        arguments: [
            "", ":80", "**", "*example.com", "a.*.com", "*.", "*.*.com", "http://a", "a/b", "a:", "a:0", "a:x", "a b",
            "*.192.0.2.1", "0x7f.1", "[::1", "[a]", "::1", "é.example",
        ])
    func badPatterns(text: String) {
        let error = #expect(throws: HostPatternError.self) { try HostPattern(text) }
        #expect(error?.description.hasPrefix("'\(text)' names no hosts: ") == true, "\(String(describing: error))")
    }

    @Test("hosts, schemes and addresses in numbers are checked before anything is resolved")
    func early() throws {
        var policy = WebhookPolicy(allowedHosts: [try HostPattern("*")])
        let plain = try WebhookURL("http://hooks.example.com/")
        let local = try WebhookURL("https://127.0.0.1/")
        #expect(throws: Never.self) { try policy.check(plain) }
        #expect(throws: WebhookRefusal.addressNotAllowed(host: "127.0.0.1", IPAddress(four: 0x7F00_0001), .loopback)) {
            try policy.check(local)
        }
        policy.allowsPlainHTTP = false
        #expect(throws: WebhookRefusal.plainHTTP) { try policy.check(plain) }
        policy.allowsPrivateAddresses = true
        #expect(throws: Never.self) { try policy.check(local) }
        policy.allowedHosts = [try HostPattern("example.com")]
        #expect(throws: WebhookRefusal.hostNotAllowed("127.0.0.1")) { try policy.check(local) }
    }
}
