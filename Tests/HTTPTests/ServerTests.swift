import HTTPTypes
import TestSupport
import Testing

@testable import HTTP

@Suite("a server on a socket", .timeLimit(.minutes(10)))
struct ServerTests {
    @Test("pipelined requests are answered in order, whoever answers them (rule 19)")
    func pipelining() async throws {
        try await TestServer.run { server in
            let text = try await blocking {
                let client = try RawClient(port: server.port)
                for number in 0..<50 {
                    let path = number % 3 == 0 ? "/" : "/async/\(number)"
                    try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                }
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                return try client.readToEnd()
            }
            let bodies = text.split(separator: "HTTP/1.1 200 OK").map {
                String($0.split(separator: "\r\n\r\n").last ?? "")
            }
            #expect(bodies == (0..<50).map { $0 % 3 == 0 ? "home" : "async \($0)" } + ["home"])
        }
    }

    @Test("a client that ends its side first is answered (rule 21)", arguments: ["/", "/async/1"])
    func halfClose(path: String) async throws {
        try await TestServer.run { server in
            let text = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                client.endSending()
                return try client.readToEnd()
            }
            #expect(text.hasPrefix("HTTP/1.1 200 OK"))
        }
    }

    @Test("bodies come whole, by length and in chunks", arguments: [0, 1, 70_000, 3_000_000])
    func bodies(size: Int) async throws {
        try await TestServer.run { server in
            let text = try await blocking {
                let client = try RawClient(port: server.port)
                let body = [UInt8](repeating: 7, count: size)
                try client.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: \(size)\r\n\r\n")
                try client.send(body)
                var text = try client.read(until: " bytes")
                try client.send("POST /count HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
                for start in stride(from: 0, to: size, by: 9999) {
                    let chunk = body[start..<min(size, start + 9999)]
                    try client.send("\(String(chunk.count, radix: 16))\r\n")
                    try client.send(Array(chunk))
                    try client.send("\r\n")
                }
                try client.send("0\r\n\r\n")
                text += try client.read(until: " bytes")
                return text
            }
            #expect(text.split(separator: "\r\n\r\n\(size) bytes").count == 2)
        }
    }

    @Test("an early answer reaches a client that is still sending (rule 22)")
    func earlyAnswer() async throws {
        try await TestServer.run { server in
            let text = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
                try client.send([UInt8](repeating: 0, count: 4_000_000))
                return try client.readToEnd()
            }
            #expect(text.hasPrefix("HTTP/1.1 422 "))
            #expect(text.hasSuffix("early"))
        }
    }

    @Test("100 Continue comes when the handler reads the body (rule 14)")
    func continueFirst() async throws {
        try await TestServer.run { server in
            let texts = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("POST /count HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
                let interim = try client.read(until: "\r\n\r\n")
                try client.send("abc")
                let final = try client.read(until: " bytes")
                try client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
                return [interim, final, try client.readToEnd()]
            }
            #expect(texts[0] == "HTTP/1.1 100 Continue\r\n\r\n")
            #expect(texts[1].hasPrefix("HTTP/1.1 200 "))
            #expect(texts[2].hasPrefix("HTTP/1.1 422 "))
        }
    }

    @Test("a handler that does not read holds the client back, and loses nothing (rule 20)")
    func backpressure() async throws {
        let gate = Gate()
        try await TestServer.run(routes: { router in
            router.post(
                "/held", bodyLimit: 64 << 20,
                .deferred { request in
                    await gate.wait()
                    var sum = 0
                    for try await piece in request.body { sum += piece.reduce(0) { $0 + Int($1) } }
                    return Response(status: .ok, text: "\(sum) in all")
                })
        }) { server in
            async let text = blocking {
                let client = try RawClient(port: server.port)
                try client.send("POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\n")
                for _ in 0..<20 { try client.send([UInt8](repeating: 1, count: 1_000_000)) }
                return try client.read(until: " in all")
            }
            await gate.open()
            let answer = try await text
            #expect(answer.hasSuffix("20000000 in all"))
        }
    }

    @Test("a slow reader holds the writer back; one that never reads is cut off (rule 20)")
    func slowReader() async throws {
        let written = Gate()
        try await TestServer.run(
            { $0.timeouts.writeIdle = .milliseconds(400) },
            routes: { router in
                router.get(
                    "/endless",
                    .immediate { _ in
                        Response(
                            status: .ok,
                            body: .stream(length: nil) { writer in
                                do {
                                    while true { try await writer.write([UInt8](repeating: 0, count: 60_000)) }
                                } catch {
                                    await written.open()
                                    throw error
                                }
                            })
                    })
            }
        ) { server in
            let client = try await blocking {
                let client = try RawClient(port: server.port, receiveBuffer: 4096)
                try client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
                return UncheckedBox(client)
            }
            await written.wait()
            withExtendedLifetime(client) {}
        }
    }

    @Test(
        "a stream can be cut from elsewhere, and then its writer throws and the client sees no whole answer",
        .timeLimit(.minutes(10)))
    func cut() async throws {
        let writers = AsyncStream<ResponseWriter>.makeStream()
        let thrown = AsyncStream<any Error>.makeStream()
        try await TestServer.run({ $0.timeouts.writeIdle = .seconds(3600) }) { router in
            router.get(
                "/endless",
                .immediate { _ in
                    Response(
                        status: .ok,
                        body: .stream(length: 1 << 30) { writer in
                            writers.continuation.yield(writer)
                            do {
                                while true { try await writer.write([UInt8](repeating: 97, count: 60_000)) }
                            } catch {
                                thrown.continuation.yield(error)
                                throw error
                            }
                        })
                })
        } _: { server in
            let client = try await blocking {
                let client = try RawClient(port: server.port, receiveBuffer: 4096)
                try client.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
                return UncheckedBox(client)
            }
            for await writer in writers.stream {
                writer.cut()
                break
            }
            for await error in thrown.stream {
                #expect(error as? ResponseWriteError == .connectionClosed)
                break
            }
            _ = try? await blocking { try client.value.readToEnd() }
            #expect(server.server.statistics.openConnections == 0)
        }
    }

    @Test("when the client is gone, its handler is cancelled (rule 21)")
    func cancellation() async throws {
        let started = Gate()
        let cancelled = Gate()
        try await TestServer.run(routes: { router in
            router.get(
                "/wait",
                .deferred { _ in
                    await started.open()
                    await withTaskCancellationHandler {
                        await cancelled.wait()
                    } onCancel: {
                        Task { await cancelled.open() }
                    }
                    return Response(status: .ok)
                })
        }) { server in
            let client = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
                return UncheckedBox(client)
            }
            await started.wait()
            client.value.reset()
            await cancelled.wait()
        }
    }

    @Test("shutting down finishes what is under way, and ends what is idle (rule 29)")
    func gracefulShutdown() async throws {
        let started = Gate()
        let goOn = Gate()
        try await TestServer.run(routes: { router in
            router.get(
                "/slow",
                .deferred { _ in
                    await started.open()
                    await goOn.wait()
                    return Response(status: .ok, text: "finished")
                })
        }) { server in
            let idle = try await blocking { UncheckedBox(try RawClient(port: server.port)) }
            async let answer = blocking {
                let client = try RawClient(port: server.port)
                try client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
                return try client.readToEnd()
            }
            await started.wait()
            async let end: Void = server.server.shutdown(grace: .seconds(10))
            let lastWords = try await blocking { try idle.value.readToEnd() }
            #expect(lastWords.isEmpty)
            #expect(throws: (any Error).self) { try RawClient(port: server.port) }
            await goOn.open()
            let text = try await answer
            #expect(text.contains("Connection: close") && text.hasSuffix("finished"))
            await end
            #expect(server.server.statistics.openConnections == 0)
        }
    }

    @Test("once a shutdown has begun new connections are answered, and every answer says close (rule 29)")
    func beginsShutdown() async throws {
        try await TestServer.run(routes: { router in
            router.get("/now", .immediate { _ in Response(status: .ok, text: "now") })
            router.get("/then", .deferred { _ in Response(status: .ok, text: "then") })
        }) { server in
            let open = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.read(until: "now")
                return UncheckedBox(client)
            }
            server.server.beginShutdown()
            for path in ["/now", "/then"] {
                let answer = try await blocking {
                    let client = try RawClient(port: server.port)
                    try client.send("GET \(path) HTTP/1.1\r\nHost: a\r\n\r\n")
                    return try client.readToEnd()
                }
                #expect(answer.contains("Connection: close"), "\(path)")
            }
            let last = try await blocking {
                try open.value.send("GET /now HTTP/1.1\r\nHost: a\r\n\r\n")
                return try open.value.readToEnd()
            }
            #expect(last.contains("Connection: close"))
        }
    }

    @Test(
        "whoever is connected when the server ends is answered, however many connect at that moment (rule 29)",
        arguments: ["TCP", "Unix"])
    func connectsAtTheEnd(kind: String) async throws {
        let folder = try ScratchFolder()
        for _ in 0..<8 {
            try await TestServer.run(
                { configuration in
                    if kind == "Unix" { configuration.listen = [.unix(path: folder.path + "/socket")] }
                },
                routes: { router in
                    router.get("/now", .immediate { _ in Response(status: .ok, text: "now") })
                }
            ) { server in
                let address = try #require(server.server.addresses.first)
                let begun = Gate()
                async let clients = withThrowingTaskGroup(of: [String].self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            try await blocking {
                                var answers: [String] = []
                                // Refused is what is to come at the end.
                                while let client = try? RawClient(to: address) {
                                    do {
                                        try client.send("GET /now HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                                        answers.append(try client.readToEnd())
                                    } catch {
                                        answers.append("\(error)")
                                    }
                                    if answers.count == 8 { Task { await begun.open() } }
                                }
                                return answers
                            }
                        }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                server.server.beginShutdown()
                await begun.wait()
                await server.server.shutdown(grace: .seconds(20))
                let unanswered = try await clients.filter { !$0.hasSuffix("now") }
                #expect(unanswered.isEmpty, "\(unanswered)")
            }
        }
    }

    @Test("what does not end in the grace period is cut off and cancelled (rule 29)")
    func graceExpires() async throws {
        let started = Gate()
        let never = Gate()
        try await TestServer.run(routes: { router in
            router.get(
                "/stuck",
                .deferred { _ in
                    await started.open()
                    await withTaskCancellationHandler {
                        await never.wait()
                    } onCancel: {
                        Task { await never.open() }
                    }
                    return Response(status: .ok)
                })
        }) { server in
            let client = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
                return UncheckedBox(client)
            }
            await started.wait()
            await server.server.shutdown(grace: .milliseconds(50))
            await never.wait()
            #expect(server.server.statistics.openConnections == 0)
            withExtendedLifetime(client) {}
        }
    }

    // What they cost is measured where nothing else runs in the process: Tests/EndToEnd/checks/load.py.
    @Test("beside a thousand idle connections others are still served (rule 20)")
    func manyIdle() async throws {
        try await TestServer.run({ $0.limits.maxConnections = 3000 }) { server in
            let clients = try await blocking {
                UncheckedBox(try (0..<1000).map { _ in try RawClient(port: server.port) })
            }
            let text = try await blocking {
                for client in clients.value {
                    try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    _ = try client.read(until: "home")
                }
                let client = try RawClient(port: server.port)
                try client.send("GET / HTTP/1.0\r\n\r\n")
                return try client.readToEnd()
            }
            #expect(text.hasSuffix("home"))
            #expect(server.server.statistics.acceptedConnections == 1001)
        }
    }

    @Test("a port in use, or a host that is no address, is a plain error")
    func listenErrors() async throws {
        try await TestServer.run { server in
            func start(_ host: String) async throws {
                var configuration = ServerConfiguration()
                configuration.port = server.port
                configuration.host = host
                let other = HTTPServer(
                    configuration: configuration, router: Router(),
                    problemRenderer: { problem, _, _ in Response(status: problem.status) }, logger: .init(label: "test")
                )
                _ = try await other.start()
            }
            await #expect(throws: ListenError.invalidHost("nowhere")) { try await start("nowhere") }
            await #expect(throws: ListenError.self) { try await start("127.0.0.1") }
        }
    }
}
