import HTTPClient
import Testing

@testable import vigil

@Suite("Where a server is")
struct ServerURLTests {
    @Test(
        "host and port",
        arguments: [
            ("http://127.0.0.1:8080", "127.0.0.1", 8_080), ("http://localhost:80/", "localhost", 80),
            ("http://example.org", "example.org", 80), ("https://example.org", "example.org", 443),
            ("https://[::1]:9443/", "::1", 9_443), ("http://[::1]:9000", "::1", 9_000), ("http://[::1]", "::1", 80),
        ])
    func good(text: String, host: String, port: Int) throws {
        let url = try ServerURL(text)
        #expect(url.host == host && url.port == UInt16(port) && url.isSecure == text.hasPrefix("https"))
    }

    @Test("an IPv6 address is written in brackets")
    func brackets() throws {
        #expect(try ServerURL("http://[::1]:9000").description == "http://[::1]:9000")
        #expect(try ServerURL("https://[::1]").description == "https://[::1]:443")
    }

    @Test(
        "anything else is refused with what was expected",
        arguments: [
            "", "127.0.0.1:8080", "https://", "HTTPS://host", "http://", "http://:80", "http://host:", "http://host:0",
            "http://host:65536", "http://host:80/score", "http://user@host", "http://host?x", "http://[::1",
            "http://[::1]x",
            "http://a b", "http://host\r\nX: y",
        ])
    func bad(text: String) {
        let error = #expect(throws: Failure.self) { try ServerURL(text) }
        #expect(error?.code == .usage)
        #expect(error?.description.contains("expected http://HOST:PORT") == true)
    }
}
