import HTTP
import HTTPTypes
import Platform
import Testing

@testable import API

@Suite("the names under which a server answers")
struct HostRulesTests {
    private static let peer = SocketAddress(host: "127.0.0.1", port: 5)

    private func takes(_ rules: HostRules, _ host: String?, from peer: SocketAddress = peer) -> Bool {
        let fields = HeaderFields(host.map { [(name: .hostField, value: $0)] } ?? [])
        return rules.takes(
            NamedHost(RequestHead(method: .get, path: "/jobs", fields: fields).authority), from: peer)
    }

    private static let ours = [
        "localhost", "localhost:8080", "LocalHost", "localhost.", "a.localhost", "a.b.localhost:1", "127.0.0.1",
        "localhost:", "127.0.0.1:65535", "localhost:59999", "127.0.0.10", "127.0.0.1.",
        "127.255.0.9:80", "[::1]", "[::1]:8080", "[0:0::1]", "[::ffff:127.0.0.1]",
    ]
    private static let strangers = [
        "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "notlocalhost", "localhos", "127.1",
        "2130706433", "0x7f.1", "0.0.0.0", "192.0.2.1", "[::]", "[2001:db8::1]", "a", "localho\u{17F}t", "local%68ost",
        "localhost:70000", "127.0.0.1:123456", "localhost:1234x", "localhostx", "127.0.0.1x:80",
        "localhost:x", "localhost:1:2", "[::1", "[::1]x", "..", "",
    ]

    @Test("on this machine alone, without keys, those of loopback", arguments: ours)
    func loopback(host: String) throws {
        #expect(takes(try HostRules(isOpenOnThisMachine: true), host))
        #expect(takes(try HostRules(["vigil.example"]), host), "they are taken beside others")
    }

    @Test("and no other", arguments: strangers)
    func others(host: String) throws {
        #expect(!takes(try HostRules(isOpenOnThisMachine: true), host))
        let elsewhere = try HostRules()
        #expect(takes(.none, host) && takes(elsewhere, host))
    }

    @Test("who says no name is no browser; nor is who comes by a Unix socket, where no name is given")
    func nameless() throws {
        #expect(takes(try HostRules(isOpenOnThisMachine: true), nil))
        #expect(takes(try HostRules(["a"]), nil))
        #expect(takes(try HostRules(isOpenOnThisMachine: true), "evil.example", from: .unix))
        #expect(!takes(try HostRules(["a"], isOpenOnThisMachine: true), "evil.example", from: .unix))
    }

    @Test("those that are named")
    func named() throws {
        let rules = try HostRules([
            "vigil.example", "*.inner.example", "10.0.0.5:8080", "[2001:db8::1]", "web:80", "my_service",
        ])
        for host in [
            "vigil.example", "VIGIL.example:9", "vigil.example.", "a.inner.example", "a.b.inner.example:1",
            "10.0.0.5:8080",
            "[2001:db8:0::1]:7", "web", "web:80", "my_service:8080",
        ] {
            #expect(takes(rules, host), "\(host)")
        }
        for host in [
            "inner.example", "xinner.example", "a.vigil.example", "10.0.0.5", "10.0.0.5:80", "[2001:db8::2]", "web:81",
            "evil.example",
        ] {
            #expect(!takes(rules, host), "\(host)")
        }
        #expect(takes(try HostRules(["*"], isOpenOnThisMachine: true), "any.example"))
    }

    @Test(
        "what names no host is refused",
        arguments: ["", "http://a", "a b", "*x.example", "*.", "*.10.0.0.1", "a:x", "a:70000", "[::1", "a/", "é", "a*"])
    func refused(text: String) {
        let error = #expect(throws: AccessRuleError.self) { try HostRules([text]) }
        #expect(error?.description.contains("'\(text)'") == true)
    }

    @Test("whether a server is for this machine alone")
    func listening() throws {
        func isAlone(_ addresses: String...) throws -> Bool {
            var configuration = ServerConfiguration()
            configuration.listen = try addresses.map { try ListenAddress($0) }
            return configuration.listensOnThisMachineAlone
        }
        #expect(try isAlone() && isAlone("127.0.0.1:0", "[::1]:80", "unix:/run/x") && isAlone("127.9.9.9:1"))
        #expect(try !isAlone("0.0.0.0:0") && !isAlone("127.0.0.1:0", "192.0.2.1:80") && !isAlone("[::]:1"))
        var configuration = ServerConfiguration()
        configuration.host = "0.0.0.0"
        #expect(!configuration.listensOnThisMachineAlone)
    }
}
