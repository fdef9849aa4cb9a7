import TestSupport
import Testing

@testable import HTTP

@Suite("a server with as many connections as it may have", .timeLimit(.minutes(10)))
struct FullServerTests {
    private static let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

    /// A connection that has asked once and been answered; `more` is sent along with the request.
    private static func idle(_ server: TestServer, sending more: String = "") throws -> RawClient {
        let client = try RawClient(port: server.port)
        try ask(client, sending: more)
        return client
    }

    private static func ask(_ client: RawClient, sending more: String = "") throws {
        try client.send(get + more)
        _ = try client.read(until: "home")
    }

    /// Runs `body` against a server with a route that waits for `gate`, and one that streams until then.
    private func run(limit: Int, gate: Gate = Gate(), _ body: (TestServer) async throws -> Void) async throws {
        try await TestServer.run({ $0.limits.maxConnections = limit }) { router in
            router.get(
                "/waiting",
                .deferred { _ in
                    await gate.wait()
                    return Response(status: .ok, text: "waited")
                })
            router.get(
                "/events",
                .deferred { _ in
                    Response(
                        status: .ok,
                        body: .stream(length: nil) { writer in
                            try await writer.write("begun")
                            await gate.wait()
                            try await writer.write("ended")
                        })
                })
        } _: { server in
            try await body(server)
            await gate.open()
        }
    }

    @Test("a new one takes the place of the one that has been idle for the longest")
    func longestIdle() async throws {
        try await run(limit: 3) { server in
            try await blocking {
                let clients = try (0..<3).map { _ in try Self.idle(server) }
                // It was the first and is now the last to have asked.
                try Self.ask(clients[0])
                let fourth = try Self.idle(server)
                #expect(try clients[1].readToEnd() == "")
                try Self.ask(clients[2])
                let fifth = try Self.idle(server)
                #expect(try clients[0].readToEnd() == "")
                for client in [clients[2], fourth, fifth] { try Self.ask(client) }
                #expect(server.server.statistics.openConnections == 3)
            }
            #expect(server.server.statistics.refusedConnections == 0)
        }
    }

    @Test("with room for one alone, each new one is served")
    func one() async throws {
        try await run(limit: 1) { server in
            try await blocking {
                var last = try Self.idle(server)
                for _ in 0..<20 {
                    let next = try Self.idle(server)
                    #expect(try last.readToEnd() == "")
                    last = next
                }
            }
        }
    }

    @Test("requests that are under way are never ended for a new one, which is told so (rule 20)")
    func busy() async throws {
        let gate = Gate()
        try await run(limit: 2, gate: gate) { server in
            let clients = try await blocking {
                let waiting = try RawClient(port: server.port)
                try waiting.send("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
                let streaming = try RawClient(port: server.port)
                try streaming.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try streaming.read(until: "begun")
                return UncheckedBox((waiting, streaming))
            }
            while server.server.statistics.startedRequests < 2 { await Task.yield() }
            let text = try await blocking { try RawClient(port: server.port).readToEnd() }
            #expect(text.hasPrefix("HTTP/1.1 503 ") && text.contains("Retry-After: 1\r\n"))
            await gate.open()
            try await blocking {
                _ = try clients.value.0.read(until: "waited")
                _ = try clients.value.1.read(until: "ended")
            }
        }
    }

    @Test("where none is idle, one that has sent a part of a head has to go, and is told why")
    func partOfHead() async throws {
        let gate = Gate()
        try await run(limit: 2, gate: gate) { server in
            let clients = try await blocking {
                let partial = try Self.idle(server, sending: "GET / HT")
                let idle = try Self.idle(server)
                let third = try RawClient(port: server.port)
                try third.send("GET /waiting HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try idle.readToEnd() == "", "though the other has been silent for longer")
                return UncheckedBox((partial, third))
            }
            while server.server.statistics.startedRequests < 3 { await Task.yield() }
            try await blocking {
                let fourth = try Self.idle(server)
                #expect(try clients.value.0.readToEnd().hasPrefix("HTTP/1.1 503 "))
                try Self.ask(fourth)
            }
            await gate.open()
            try await blocking { _ = try clients.value.1.read(until: "waited") }
        }
    }

    @Test("many that come at once to a full server of idle ones are all served")
    func many() async throws {
        try await run(limit: 20) { server in
            try await blocking {
                var clients = try (0..<20).map { _ in try Self.idle(server) }
                for _ in 0..<5 {
                    let next = try (0..<20).map { _ in try RawClient(port: server.port) }
                    for client in clients { #expect(try client.readToEnd() == "") }
                    for client in next { try Self.ask(client) }
                    clients = next
                }
            }
            #expect(server.server.statistics.refusedConnections == 0)
        }
    }
}
