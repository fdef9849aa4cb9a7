import HTTP
import Testing

@testable import vigil

@Suite("whom vigil health asks")
struct HealthCommandTests {
    @Test(
        "the first IP address that the server listens on, or loopback where that is all of them",
        arguments: [
            (["127.0.0.1:80"], "127.0.0.1:80"), (["0.0.0.0:8080"], "127.0.0.1:8080"), (["[::]:8080"], "[::1]:8080"),
            (["unix:/run/vigil.sock", "192.0.2.1:81"], "192.0.2.1:81"), (["[2001:db8::1]:82"], "[2001:db8::1]:82"),
            (["unix:/run/vigil.sock"], nil), (["systemd"], nil), (["127.0.0.1:0"], nil),
        ] as [([String], String?)])
    func listening(addresses: [String], expected: String?) throws {
        var configuration = ServerConfiguration()
        configuration.listen = try addresses.map { try ListenAddress($0) }
        #expect(HealthCommand.server(of: configuration)?.authority == expected)
    }

    @Test("host and port where no address to listen on is named")
    func host() {
        var configuration = ServerConfiguration()
        (configuration.host, configuration.port) = ("0.0.0.0", 9_000)
        #expect(HealthCommand.server(of: configuration)?.description == "http://127.0.0.1:9000")
    }
}
