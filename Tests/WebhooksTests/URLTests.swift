import HTTPClient
import TestSupport
import Testing

@testable import Webhooks

@Suite("URLs for notices")
struct URLTests {
    @Test(
        "what is a URL reads back from what is written",
        arguments: [
            ("http://hooks.example.com", "http://hooks.example.com/"),
            ("HTTPS://Hooks.Example.COM:443/a", "https://hooks.example.com/a"),
            ("https://hooks.example.com:8443/a/b;c?d=e&f=%20#", nil),
            (
                "https://hooks.example.com:8443/a/b;c?d[]=e&f=%2F/?",
                "https://hooks.example.com:8443/a/b;c?d[]=e&f=%2F/?"
            ),
            ("http://a?b", "http://a/?b"), ("http://my_service:8080/x", "http://my_service:8080/x"),
            ("http://192.0.2.1:80/x", "http://192.0.2.1/x"),
            ("http://[2001:DB8:0::1]:81/x", "http://[2001:db8::1]:81/x"),
            ("http://[::ffff:127.0.0.1]", "http://127.0.0.1/"), ("http://[::7f00:1]", "http://[::127.0.0.1]/"),
            ("http://xn--bcher-kva.example/", "http://xn--bcher-kva.example/"),
            ("http://a:65535/@:x", "http://a:65535/@:x"), ("http://1a.b2/", "http://1a.b2/"),
        ] as [(String, String?)])
    func good(text: String, normal: String?) throws {
        guard let normal else {
            #expect(throws: WebhookURLError.fragment) { try WebhookURL(text) }
            return
        }
        let url = try WebhookURL(text)
        #expect(url.text == normal)
        #expect(try WebhookURL(url.text) == url)
    }

    @Test(
        "what is none is refused, and the error says why",
        arguments: [
            ("", "does not begin with http"), ("hooks.example.com/a", "does not begin with http"),
            ("ftp://a/", "does not begin with http"), ("http:/a", "does not begin with http"),
            ("httpS:\u{1A}//a/", "a control character"), ("https:-//a", "does not begin with http"),
            ("http://user@a/", "'@' before the path"), ("http://user:pass@a/", "'@' before the path"),
            ("http://a@127.0.0.1/", "'@' before the path"), ("http://a/#b", "'#'"), ("http://a#@b/", "'#'"),
            ("http://a b/", "a space has to be percent-encoded"), ("http://a/b c", "a space"),
            ("http://a/\r\nHost: b", "a control character"), ("http://a/\u{0}", "a control character"),
            ("http://a/\u{7F}", "a control character"), ("http://b\u{FC}cher.example/", "beyond ASCII"),
            ("http://a/\u{E9}", "beyond ASCII"), ("http://\u{FF11}27.0.0.1/", "beyond ASCII"),
            ("http:///a", "it is empty"), ("http://:80/", "it is empty"), ("http://a..b/", "is empty"),
            ("http://.a/", "is empty"), ("http://a./", "is empty"), ("http://a\\b/", "letters, digits, hyphens"),
            ("http://a%2eb/", "letters, digits, hyphens"), ("http://a\\@b/", "'@' before the path"),
            ("http://a:/", "its port"), ("http://a:0/", "its port"), ("http://a:65536/", "its port"),
            ("http://a:+1/", "its port"), ("http://a:000080/", "its port"), ("http://a:1:2/", "its port"),
            ("http://[::1/", "']' is missing"), ("http://[]/", "no IPv6 address"), ("http://[127.0.0.1]/", "no IPv6"),
            ("http://[fe80::1%25eth0]/", "no IPv6"), ("http://[::1]x/", "its port"), ("http://::1/", "it is empty"),
            ("http://a/%", "after a '%'"), ("http://a/%4", "after a '%'"), ("http://a/%zz", "after a '%'"),
            ("http://a/<b>", "'<' has to be percent-encoded"), ("http://a/\\b", "'\\' has to be"),
            ("http://a/?\"", "'\"' has to be"), ("http://" + String(repeating: "a", count: 64) + "/", "at most 63"),
            ("http://" + String(repeating: "a.", count: 130) + "a/", "at most 253"),
            ("http://a/" + String(repeating: "a", count: 2040), "it has 2049 bytes, at most 2048"),
        ])
    func bad(text: String, reason: String) {
        let error = #expect(throws: WebhookURLError.self) { try WebhookURL(text) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }

    @Test("2048 bytes are taken")
    func longest() throws {
        #expect(try WebhookURL("http://a/" + String(repeating: "a", count: 2039)).text.utf8.count == 2048)
        // A slash comes in, and the address is written out: the whole has 2049 and 2052 bytes then.
        for (host, count) in [("a", 2039), ("[::7f00:1]", 2030)] {
            let text = "http://\(host)?" + String(repeating: "a", count: count)
            #expect(text.utf8.count == 2048)
            #expect(throws: WebhookURLError.self) { try WebhookURL(text) }
        }
    }

    @Test(
        "odd spellings of IPv4 addresses are refused, and what resolvers make of them is this machine",
        arguments: ["0x7f.1", "017700000001", "2130706433", "127.1", "0x7f000001", "0177.0.0.01", "127.0.0.0x1"])
    func oddSpellings(host: String) throws {
        #expect(throws: WebhookURLError.host("it ends in a number, but is not such as 192.0.2.1")) {
            try WebhookURL("http://\(host)/")
        }
        let addresses = try SystemResolver().addresses(of: host)
        #expect(!addresses.isEmpty)
        for address in addresses { #expect(address.addressClass == .loopback, "\(address)") }
    }

    @Test("a description has neither path nor query, which may hold a token")
    func description() throws {
        let url = try WebhookURL("https://hooks.example.com:8443/services/T0KEN?key=T0KEN")
        #expect("\(url)" == "https://hooks.example.com:8443")
        #expect("\(try WebhookURL("http://[::1]/T0KEN"))" == "http://[::1]")
    }

    @Test("whatever changes in a URL, it is refused or reads back the same", arguments: 0..<20)
    func mutations(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let bases = ["https://u.example:8443/a/b?c=%20", "http://[2001:db8::1]/x", "http://192.0.2.1:80/"]
        let bytes = Array("/:@#?[]%.0xfF -\\\u{7F}\n".utf8)
        var good = 0
        for _ in 0..<500 {
            var text = Array(bases.randomElement(using: &random)!.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                let byte = bytes.randomElement(using: &random)!
                if Bool.random(using: &random) { text[place] = byte } else { text.insert(byte, at: place) }
            }
            guard let url = try? WebhookURL(String(decoding: text, as: UTF8.self)) else { continue }
            good += 1
            #expect(try WebhookURL(url.text) == url)
            #expect(url.target.hasPrefix("/") && url.port > 0)
        }
        #expect(good > 0)
    }
}
