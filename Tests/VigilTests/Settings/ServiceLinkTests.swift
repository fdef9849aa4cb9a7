import Testing

@testable import vigil

@Suite("What Kubernetes and Docker set for a service called vigil")
struct ServiceLinkTests {
    private static let links: [(String, String)] = [
        ("VIGIL_SERVICE_HOST", "10.0.0.1"), ("VIGIL_SERVICE_HOST", "fd00::1"), ("VIGIL_SERVICE_PORT", "8080"),
        ("VIGIL_SERVICE_PORT_HTTP", "8080"), ("VIGIL_SERVICE_PORT_HTTP_ALT", "65535"),
        ("VIGIL_PORT", "tcp://10.0.0.1:8080"), ("VIGIL_PORT", "udp://10.0.0.1:1"),
        ("VIGIL_PORT", "tcp://[fd00::1]:8080"), ("VIGIL_PORT_8080_TCP", "tcp://10.0.0.1:8080"),
        ("VIGIL_PORT_53_UDP", "udp://[fd00::1]:53"), ("VIGIL_PORT_8080_TCP_ADDR", "10.0.0.1"),
        ("VIGIL_PORT_8080_TCP_PORT", "8080"), ("VIGIL_PORT_8080_TCP_PROTO", "tcp"),
        ("VIGIL_PORT_9_SCTP_PROTO", "sctp"), ("VIGIL_API_SERVICE_HOST", "10.0.0.1"),
        ("VIGIL_API_V2_PORT_80_TCP_PORT", "80"), ("VIGIL_SERVICE_SERVICE_PORT", "80"),
        // Of a service called vigil-service.
        ("VIGIL_SERVICE_PORT", "tcp://10.0.0.1:80"),
        // Docker, of a range of ports too.
        ("VIGIL_NAME", "/web/vigil"), ("VIGIL_DB_NAME", "/web/vigil-db"),
        ("VIGIL_PORT_80_TCP_START", "tcp://172.17.0.2:80"), ("VIGIL_PORT_80_TCP_END", "tcp://172.17.0.2:89"),
        ("VIGIL_PORT_80_TCP_PORT_START", "80"), ("VIGIL_PORT_80_TCP_PORT_END", "89"),
    ]

    @Test("is passed over with a word", arguments: links)
    func passedOver(name: String, value: String) throws {
        let settings = try Settings(.serve, environment: [name: value])
        #expect(try settings.integer("port") == 8_080)
        #expect(settings.place(of: "port") == nil)
        #expect(settings.notes.count == 1 && settings.notes.first?.hasPrefix("\(name) is passed over") == true)
    }

    private static let others: [(String, String)] = [
        ("VIGIL_SERVICE_PORT_KEYS", "x"), ("VIGIL_X_SERVICE_PORT_KEYS", "keys.txt"), ("VIGIL_SERVICE_PORT", "http"),
        ("VIGIL_SERVICE_PORT", ""), ("VIGIL_SERVICE_PORT", "0"), ("VIGIL_SERVICE_PORT", "65536"),
        ("VIGIL_SERVICE_PORT", "+80"), ("VIGIL_SERVICE_PORT", "080"), ("VIGIL_SERVICE_PORT", "80 "),
        ("VIGIL_SERVICE_PORT_", "80"), ("VIGIL_SERVICE_PORT_http", "80"),
        ("VIGIL_SERVICE_HOST", "vigil.example"), ("VIGIL_SERVICE_HOST", "10.0.0"), ("VIGIL_SERVICE_HOST", ""),
        ("VIGIL_SERVICE_HOST", "[fd00::1]"), ("VIGIL_SERVICE_HOST_NAME", "10.0.0.1"),
        ("VIGIL__SERVICE_HOST", "10.0.0.1"),
        ("VIGIL_PORT", "tcp://vigil:8080"), ("VIGIL_PORT", "tcp://10.0.0.1"), ("VIGIL_PORT", "tcp://10.0.0.1:0"),
        ("VIGIL_PORT", "http://10.0.0.1:8080"), ("VIGIL_PORT", "TCP://10.0.0.1:8080"),
        ("VIGIL_PORT", "tcp://fd00::1:8080"), ("VIGIL_PORT", "tcp://[10.0.0.1]:8080"),
        ("VIGIL_PORT", "tcp://10.0.0.1:8080/"), ("VIGIL_PORT_8080_TCP", "x"),
        ("VIGIL_PORT_8080_TCP", "udp://10.0.0.1:8080"),
        ("VIGIL_PORT_8080_TCP", "tcp://10.0.0.1:81"), ("VIGIL_PORT_8080_HTTP", "tcp://10.0.0.1:8080"),
        ("VIGIL_PORT_99999_TCP", "tcp://10.0.0.1:99999"), ("VIGIL_PORT_8080_TCP_ADDR", "x"),
        ("VIGIL_PORT_8080_TCP_PORT", "81"), ("VIGIL_PORT_8080_TCP_PROTO", "udp"), ("VIGIL_PORT_8080_TCP_KEYS", "x"),
        ("VIGIL_PORT_8080_TCP_PORT_KEYS", "80"), ("VIGIL_PORT_80_TCP_END", "tcp://10.0.0.1:79"),
        ("VIGIL_NAME", "vigil"), ("VIGIL_NAME", "/web/db"), ("VIGIL_NAME", "/vigil"), ("VIGIL_NAME", "/a/b/vigil"),
        ("VIGIL_ENV_PATH", "/bin"), ("VIGIL_ENV_", "x"),
    ]

    @Test("and nothing else is taken for it", arguments: others)
    func refused(name: String, value: String) throws {
        let isPort = name == "VIGIL_PORT"
        let failure = #expect(throws: Failure.self, "\(name)=\(value)") {
            _ = try Settings(.serve, environment: [name: value])
        }
        #expect(failure?.code == .configuration)
        let expected = isPort ? "VIGIL_PORT: found '\(value)'" : "no setting has the variable '\(name)'"
        #expect(failure?.description.hasPrefix(expected) == true, "\(failure?.description ?? "")")
    }

    @Test("a linked container's own variables are passed over where Docker says that it is linked")
    func containers() throws {
        let own = [
            "VIGIL_DB_ENV_PASSWORD": "anything", "VIGIL_DB_ENV_VIGIL_API_KEYS": "", "VIGIL_DB_NAME": "/web/vigil_db",
        ]
        #expect(try Settings(.serve, environment: own).notes.count == 3)
        let others = own.merging(["VIGIL_ENV_PASSWORD": "x"]) { first, _ in first }
        #expect(throws: Failure.self) { _ = try Settings(.serve, environment: others) }
    }
}
