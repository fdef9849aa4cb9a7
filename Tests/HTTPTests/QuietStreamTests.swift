import HTTPTypes
import TestSupport
import Testing

@testable import HTTP

/// Streams that say little and last long, as those of events.
@Suite("Quiet streams", .timeLimit(.minutes(10)))
struct QuietStreamTests {
    @Test("no timeout ends a stream that has nothing to say, however long")
    func outlivesTimeouts() {
        let harness = StateHarness(answersDeferred: false)
        harness.feed("GET /later HTTP/1.1\r\nHost: a\r\n\r\n")
        harness.answer(Response(status: .ok, body: .stream(length: nil) { _ in }))
        for _ in 0..<3_600 { harness.pass(.seconds(60)) }
        #expect(!harness.isClosed && !harness.isHalfClosed)
        harness.change { state, _ in
            try? state.write(Array("late".utf8))
            return nil
        }
        #expect(harness.sent.hasSuffix("4\r\nlate\r\n"))
        harness.endInput()
        harness.pass(.seconds(3_600))
        #expect(!harness.isClosed, "a client that ended its side may still read")
    }

    @Test("a stream is told when the client ends its side; writing then finds out whether anybody reads")
    func inputEnds() async throws {
        let ended = Gate()
        let cancelled = Gate()
        try await TestServer.run(routes: { router in
            router.get("/events", .deferred { _ in Self.stream(ended: ended, cancelled: cancelled) })
        }) { server in
            try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.read(until: "begun")
                // The end of the client's scope closes its socket.
            }
            await ended.wait()
            await cancelled.wait()
        }
    }

    @Test("a client that has ended its side and still reads gets the rest")
    func halfClosed() async throws {
        let ended = Gate()
        try await TestServer.run(routes: { router in
            router.get(
                "/events",
                .deferred { _ in
                    Response(
                        status: .ok,
                        body: .stream(length: nil) { writer in
                            writer.whenInputEnds { Task { await ended.open() } }
                            try await writer.write("begun")
                            await ended.wait()
                            try await writer.write("rest")
                        })
                })
        }) { server in
            let text = try await blocking {
                let client = try RawClient(port: server.port)
                try client.send("GET /events HTTP/1.1\r\nHost: a\r\n\r\n")
                _ = try client.read(until: "begun")
                client.endSending()
                return try client.readToEnd()
            }
            #expect(text.hasSuffix("4\r\nrest\r\n0\r\n\r\n"))
        }
    }

    /// Says that it has begun, writes once more when the input ends, and then waits to be cancelled.
    private static func stream(ended: Gate, cancelled: Gate) -> Response {
        Response(
            status: .ok,
            body: .stream(length: nil) { writer in
                writer.whenInputEnds { Task { await ended.open() } }
                try await writer.write("begun")
                await ended.wait()
                try? await writer.write("are you there")
                await withTaskCancellationHandler {
                    await cancelled.wait()
                } onCancel: {
                    Task { await cancelled.open() }
                }
            })
    }
}
