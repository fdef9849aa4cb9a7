import Foundation
import HTTPTypes
import Platform
import TestSupport
import Testing

@testable import HTTP

@Suite("listening", .timeLimit(.minutes(10)))
struct ListeningTests {
    private static let question =
        "GET /client HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\nConnection: close\r\n\r\n"

    private static func addRoute(_ router: inout Router) {
        router.get("/client", .deferred { Response(status: .ok, text: "\($0.clientAddress) by \($0.peer.host)") })
    }

    private func path() -> String { NSTemporaryDirectory() + "vigil-\(UUID().uuidString.prefix(8)).sock" }

    private func loopback(_ host: String) -> ListenAddress { .internet(SocketAddress(host: host, port: 0)) }

    /// What the server sends back for `bytes`.
    private func ask(_ address: ListenAddress, _ bytes: [UInt8]) async throws -> String {
        try await blocking {
            let client = try RawClient(to: address)
            try client.send(bytes)
            return try client.readToEnd()
        }
    }

    private func ask(_ address: ListenAddress, _ text: String = question) async throws -> String {
        try await ask(address, Array(text.utf8))
    }

    @Test("several addresses are served by one server, and tell who has come")
    func several() async throws {
        let path = path()
        let wanted = [loopback("127.0.0.1"), loopback("::1"), .unix(path: path)]
        try await TestServer.run({ $0.listen = wanted }, routes: Self.addRoute) { server in
            let addresses = server.server.addresses
            try #require(addresses.count == 3)
            let answer1 = try await ask(addresses[0])
            #expect(answer1.contains("127.0.0.1"))
            let answer2 = try await ask(addresses[1])
            #expect(answer2.contains("[::1]:"))
            #expect(addresses[2] == .unix(path: path))
            let answer3 = try await ask(addresses[2])
            #expect(answer3.hasSuffix("unix by unix"))
            #expect(try permissions(path) == 0o660)
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    private func permissions(_ path: String) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int)
    }

    @Test("a socket that nobody listens on is replaced; one in use, and any other file, stays")
    func staleSocket() async throws {
        let path = path()
        let address = ListenAddress.unix(path: path)
        try UnixSocket.leaveBehind(path)
        try await TestServer.run({ $0.listen = [address] }, routes: Self.addRoute) { _ in
            let answer4 = try await ask(address)
            #expect(answer4.contains("200 OK"))
            let inUse = ListenError.system(call: "bind", errno: EADDRINUSE, address: address)
            await #expect(throws: inUse) { try await TestServer.run({ $0.listen = [address] }) { _ in } }
            let answer5 = try await ask(address)
            #expect(answer5.contains("200 OK"))
        }
        try Data("precious".utf8).write(to: URL(filePath: path))
        await #expect(throws: ListenError.notASocket(path: path)) {
            try await TestServer.run({ $0.listen = [address] }) { _ in }
        }
        #expect(FileManager.default.contents(atPath: path) == Data("precious".utf8))
        try FileManager.default.removeItem(atPath: path)
    }

    @Test("where one address can't be had, the others are given back")
    func allOrNone() async throws {
        let path = path()
        let wanted = [ListenAddress.unix(path: path), .unix(path: "/nowhere/at/all.sock")]
        await #expect(throws: ListenError.system(call: "bind", errno: ENOENT, address: wanted[1])) {
            try await TestServer.run({ $0.listen = wanted }) { _ in }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("passed sockets are those of this process alone")
    func passed() async {
        func count(_ pid: String?, _ fds: String?) -> Int {
            PassedSockets.count(environment: { ["LISTEN_PID": pid, "LISTEN_FDS": fds][$0] ?? nil }, process: 42)
        }
        #expect(count("42", "2") == 2)
        for (pid, fds) in [
            ("43", "2"), ("42", "0"), ("42", "-1"), ("42", "65"), ("42", "x"), ("", "1"), (nil, "1"), ("42", nil),
        ] {
            #expect(count(pid, fds) == 0)
        }
        await #expect(throws: ListenError.nothingPassed) {
            try await TestServer.run({ $0.listen = [.passed] }) { _ in }
        }
    }

    @Test("each client has its share of connections, and 429 beyond it")
    func shares() async throws {
        try await TestServer.run({ $0.limits.maxConnectionsPerAddress = 2 }, routes: Self.addRoute) { server in
            let port = server.port
            let held = try await blocking {
                UncheckedBox(
                    try (0..<2).map { _ in
                        let client = try RawClient(port: port)
                        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                        _ = try client.read(until: "home")
                        return client
                    })
            }
            let answer = try await blocking { try RawClient(port: port).readToEnd() }
            #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.contains("Retry-After: 1\r\n"))
            #expect(answer.hasSuffix("too-many-connections-of-client"))
            withExtendedLifetime(held) {}
        }
    }

    private func trusting(_ range: String, header: Bool) throws -> TrustedProxies {
        TrustedProxies(ranges: [try AddressRange(range)], expectsProxyHeader: header)
    }

    @Test("X-Forwarded-For counts from a trusted proxy alone")
    func forwarded() async throws {
        let trust = try trusting("127.0.0.0/8", header: false)
        try await TestServer.run({ $0.trust = trust }, routes: Self.addRoute) { server in
            let answer6 = try await ask(server.server.addresses[0])
            #expect(answer6.hasSuffix("192.0.2.1:0 by 127.0.0.1"))
        }
        try await TestServer.run(routes: Self.addRoute) { server in
            let answer = try await ask(server.server.addresses[0])
            #expect(!answer.contains("192.0.2.1"))
        }
    }

    @Test("a PROXY header tells the client, byte by byte too, and each client has its share")
    func proxyHeader() async throws {
        let trust = try trusting("127.0.0.1", header: true)
        let header = ProxyBytes.four([198, 51, 100, 7], port: 9)
        try await TestServer.run(
            {
                $0.trust = trust
                $0.limits.maxConnectionsPerAddress = 1
            }, routes: Self.addRoute
        ) { server in
            let address = server.server.addresses[0]
            let text = try await blocking {
                let client = try RawClient(to: address)
                for byte in header + Array(Self.question.utf8) { try client.send([byte]) }
                let answer = try client.read(until: "by 127.0.0.1")
                // This one is still open, as the client has not closed it.
                let second = try RawClient(to: address)
                try second.send(header)
                return try answer + second.readToEnd()
            }
            #expect(text.contains("198.51.100.7:9 by 127.0.0.1"))
            #expect(text.contains("HTTP/1.1 429 "))
            let local = ProxyBytes.version2(command: 0x20, family: 0, [])
            let answer7 = try await ask(address, local + Array(Self.question.utf8))
            #expect(answer7.contains("192.0.2.1:0"))
        }
    }

    @Test("without its header a trusted proxy's connection is closed; another's is HTTP, where PROXY is a 400")
    func proxyHeaderMissing() async throws {
        let trusted = try trusting("127.0.0.1", header: true)
        try await TestServer.run(
            {
                $0.trust = trusted
                $0.timeouts.requestHead = .milliseconds(300)
            }, routes: Self.addRoute
        ) { server in
            let address = server.server.addresses[0]
            let closed = try? await ask(address)
            #expect(closed == nil || closed == "")
            // Nothing is sent, so only time can end this one.
            let silent = try await blocking { try RawClient(to: address).readToEnd() }
            #expect(silent == "")
        }
        let others = try trusting("10.0.0.0/8", header: true)
        try await TestServer.run({ $0.trust = others }, routes: Self.addRoute) { server in
            let address = server.server.addresses[0]
            let answer8 = try await ask(address)
            #expect(answer8.contains("200 OK"))
            for header in [ProxyBytes.four([1, 1, 1, 1], port: 1), Array("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n".utf8)] {
                let answer9 = try await ask(address, header)
                #expect(answer9.hasPrefix("HTTP/1.1 400 "))
            }
        }
    }
}

/// Sockets as a process leaves them that was killed.
private enum UnixSocket {
    static func leaveBehind(_ path: String) throws {
        let (storage, length) = try #require(UnixSocketPath.storage(path))
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = storage
        // Sound: a sockaddr_storage may be passed as any sockaddr, with the length that says how much of it counts.
        let outcome = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
        }
        try #require(outcome == 0)
    }
}
