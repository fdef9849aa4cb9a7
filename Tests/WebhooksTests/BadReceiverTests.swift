import TestSupport
import Testing

@testable import Webhooks

@Suite("receivers that misbehave", .timeLimit(.minutes(10)))
struct BadReceiverTests {
    private static let short = WebhookSender.Limits(timeout: .seconds(2))

    private static func outcome(
        limits: WebhookSender.Limits = .init(), _ serve: @escaping @Sendable (RawServerConnection) -> Void
    ) async throws -> DeliveryVerdict {
        let receiver = try RawServer(serve)
        defer { receiver.stop() }
        let sender = try Senders.make(limits: limits)
        let clock = ContinuousClock()
        let start = clock.now
        let verdict = try await Senders.deliver(to: "http://hooks.test:\(receiver.port)/", by: sender)
        #expect(clock.now - start < .seconds(60), "a try ends in its time")
        return verdict
    }

    @Test("one that never answers is given up")
    func silent() async throws {
        let verdict = try await Self.outcome(limits: Self.short) { connection in
            connection.readRequest()
            connection.readToEnd()
        }
        #expect(
            verdict.reason
                == "failed: 2.0 seconds were not enough: the time was over while trying to receive an answer")
    }

    @Test("one whose answer comes byte after byte is understood")
    func drip() async throws {
        let verdict = try await Self.outcome { connection in
            connection.readRequest()
            for character in "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc" { connection.send(String(character)) }
            connection.finish()
        }
        #expect(verdict == .delivered)
    }

    @Test("one whose answer goes on byte after byte is given up when the time is over")
    func endlessDrip() async throws {
        let verdict = try await Self.outcome(limits: Self.short) { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nX: ")
            while connection.send("a") { connection.listen(milliseconds: 5) }
        }
        #expect(verdict.reason.hasSuffix("the time was over while trying to receive an answer"), "\(verdict)")
    }

    @Test("one whose head has no end is left")
    func endlessHead() async throws {
        let verdict = try await Self.outcome { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n")
            while connection.send("X: a\r\n") {}
        }
        #expect(verdict.reason == "failed: the head of the receiver's answer is longer than 16384 bytes")
    }

    @Test("one whose body has no end has answered all the same")
    func endlessBody() async throws {
        let verdict = try await Self.outcome { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            while connection.send(String(repeating: "a", count: 10_000)) {}
        }
        #expect(verdict == .delivered)
    }

    @Test("one that keeps the connection open after its answer does not hold anyone up")
    func keptOpen() async throws {
        let verdict = try await Self.outcome { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            connection.readToEnd()
        }
        #expect(verdict == .delivered)
    }

    @Test("a reset in the middle of the answer is a failure")
    func reset() async throws {
        let verdict = try await Self.outcome { connection in
            connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nContent-")
            connection.reset()
        }
        // The bytes may be lost with the connection, or come before its end.
        #expect(
            verdict.reason
                == "failed: the connection broke while trying to receive an answer: Connection reset by peer")
    }

    @Test("an end before the answer, or in its head, is a failure", arguments: ["", "HTTP/1.1 200 OK\r\n"])
    func earlyEnd(text: String) async throws {
        let verdict = try await Self.outcome { connection in
            connection.readRequest()
            connection.send(text)
            connection.finish()
        }
        #expect(verdict.reason == "failed: the receiver ended the connection before it had answered")
    }

    @Test("what is no HTTP is a failure")
    func otherProtocol() async throws {
        let verdict = try await Self.outcome { connection in
            connection.send("220 mail.test ESMTP\r\n")
            connection.readToEnd()
        }
        #expect(verdict.reason == "failed: what the receiver answered is no HTTP/1.1 but '220 mail.test ESMTP'")
    }

    @Test("an answer counts that comes before the notice was read")
    func earlyAnswer() async throws {
        let receiver = try RawServer { connection in
            connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
            connection.finish()
        }
        defer { receiver.stop() }
        let body = String(repeating: "a", count: 4 << 20)
        let sender = try Senders.make()
        let verdict = await sender.deliver(
            try Senders.message(body: body), to: try WebhookURL("http://hooks.test:\(receiver.port)/"))
        #expect(verdict == .failed(reason: "the receiver answered 413", retryAfter: nil))
    }

    @Test("a port at which nobody listens is a failure that says so")
    func refusedConnection() async throws {
        let receiver = try RawServer { _ in }
        receiver.stop()
        let sender = try Senders.make()
        let url = "http://hooks.test:\(receiver.port)/"
        let verdict = try await Senders.deliver(to: url, by: sender)
        #expect(
            verdict.reason
                == "failed: the connection to 127.0.0.1, port \(receiver.port), failed: Connection refused")
    }
}
