import HTTPClient
import Platform
import TestSupport
import Testing

@testable import Webhooks

@Suite("sending notices", .timeLimit(.minutes(10)))
struct SenderTests {
    @Test("a notice is one signed POST, and 2xx means that it has arrived")
    func delivered() async throws {
        let receiver = try RawServer.answering("HTTP/1.1 204 No Content\r\n\r\n")
        defer { receiver.stop() }
        #expect(try await Senders.deliver(to: "http://hooks.test:\(receiver.port)/a/b?c=%20d") == .delivered)
        #expect(receiver.requests.count == 1)
        let request = try #require(receiver.requests.first)
        #expect(request.line == "POST /a/b?c=%20d HTTP/1.1")
        #expect(request.body == Array(#"{"job":"a1"}"#.utf8))
        #expect(request.fields["webhook-signature"] == "v1," + Self.signature(of: request))
        let fields = request.fields.filter { $0.key != "webhook-signature" }
        #expect(
            fields == [
                "host": "hooks.test:\(receiver.port)", "content-type": "application/json", "user-agent": "vigil",
                "content-length": "12", "connection": "close", "webhook-id": "msg_1",
                "webhook-timestamp": "\(Senders.time)",
            ])
    }

    /// HMAC by its definition (RFC 2104), from what was received alone, without the code that signs.
    private static func signature(of request: ReceivedRequest) -> String {
        let id = request.fields["webhook-id"] ?? ""
        let text = Array("\(id).\(request.fields["webhook-timestamp"] ?? "").".utf8) + request.body
        func digest(_ mask: UInt8, _ bytes: [UInt8]) -> [UInt8] {
            let block = Senders.key + [UInt8](repeating: 0, count: 32)
            var digest = SHA256()
            for piece in [block.map { $0 ^ mask }, bytes] { piece.withUnsafeBytes { digest.update($0) } }
            return digest.finalize()
        }
        return Base64.encode(digest(0x5C, digest(0x36, text)))
    }

    @Test("410 ends them, other answers are failures")
    func answers() async throws {
        for (answer, verdict) in [
            ("200 OK\r\nContent-Length: 2\r\n\r\nok", DeliveryVerdict.delivered),
            ("100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\n\r\n", .delivered),
            ("410 Gone\r\n\r\n", .gone),
            ("500 Oops\r\nRetry-After: 9\r\n\r\n", .failed(reason: "the receiver answered 500", retryAfter: nil)),
            ("404 No\r\n\r\n", .failed(reason: "the receiver answered 404", retryAfter: nil)),
            (
                "429 Slow\r\nRetry-After: 90\r\n\r\n",
                .failed(reason: "the receiver answered 429", retryAfter: .seconds(90))
            ),
            (
                "503 Slow\r\nRetry-After: Tue, 14 Nov 2023 22:14:20 GMT\r\n\r\n",
                .failed(reason: "the receiver answered 503", retryAfter: .seconds(60))
            ),
        ] {
            let receiver = try RawServer.answering("HTTP/1.1 " + answer)
            defer { receiver.stop() }
            #expect(try await Senders.deliver(to: "http://hooks.test:\(receiver.port)/") == verdict)
        }
    }

    @Test("a redirect is a failure, and where it points nobody comes", arguments: [301, 302, 303, 307, 308])
    func redirect(status: Int) async throws {
        let target = try RawServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        defer { target.stop() }
        let receiver = try RawServer.answering(
            "HTTP/1.1 \(status) Go\r\nLocation: http://127.0.0.1:\(target.port)/\r\nContent-Length: 0\r\n\r\n")
        defer { receiver.stop() }
        let verdict = try await Senders.deliver(to: "http://hooks.test:\(receiver.port)/")
        #expect(verdict.reason == "failed: the receiver answered \(status), and redirects are not followed")
        #expect(receiver.connections == 1)
        #expect(target.connections == 0)
    }

    @Test("a name that leads to this machine is refused without leave, and no connection comes")
    func privateName() async throws {
        let receiver = try RawServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        defer { receiver.stop() }
        let sender = try Senders.make(allowsPrivate: false, resolver: SystemResolver())
        let verdict = try await Senders.deliver(to: "http://localhost:\(receiver.port)/", by: sender)
        #expect(verdict.reason.hasPrefix("refused: callbacks to localhost are not allowed: "))
        #expect(verdict.reason.hasSuffix("is this machine's own address"))
        let numeric = try await Senders.deliver(to: "http://127.0.0.1:\(receiver.port)/", by: sender)
        #expect(numeric.reason.hasPrefix("refused: callbacks to 127.0.0.1 are not allowed"))
        #expect(receiver.connections == 0)
        let open = try Senders.make(resolver: SystemResolver())
        #expect(try await Senders.deliver(to: "http://localhost:\(receiver.port)/", by: open) == .delivered)
    }

    @Test("one bad address among good ones is enough for a refusal, whatever their order")
    func mixedAddresses() async throws {
        let receiver = try RawServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        defer { receiver.stop() }
        let lists = [
            ["127.0.0.1", "224.0.0.1"], ["224.0.0.1", "127.0.0.1"], ["127.0.0.1", "::ffff:255.255.255.255"],
        ]
        for list in lists {
            let sender = try Senders.make(resolver: FixedResolver(["hooks.test": list]))
            let verdict = try await Senders.deliver(to: "http://hooks.test:\(receiver.port)/", by: sender)
            #expect(verdict.reason.hasPrefix("refused: callbacks to hooks.test are not allowed: "), "\(verdict)")
        }
        #expect(receiver.connections == 0)
    }

    @Test("a name is resolved once a try, and what is not allowed is not resolved at all")
    func resolvedOnce() async throws {
        let receiver = try RawServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        defer { receiver.stop() }
        let resolver = FixedResolver(["hooks.test": ["127.0.0.1"]])
        let sender = try Senders.make(hosts: ["hooks.test"], resolver: resolver)
        #expect(try await Senders.deliver(to: "http://hooks.test:\(receiver.port)/", by: sender) == .delivered)
        #expect(resolver.questions == 1)
        let other = try await Senders.deliver(to: "http://other.test:\(receiver.port)/", by: sender)
        #expect(other.reason == "refused: callbacks to other.test:\(receiver.port) are not allowed")
        #expect(resolver.questions == 1)
    }

    @Test("where one address takes no connection the next is tried")
    func nextAddress() async throws {
        let receiver = try RawServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        defer { receiver.stop() }
        // The receiver listens at 127.0.0.1 alone.
        let sender = try Senders.make(resolver: FixedResolver(["hooks.test": ["::1", "127.0.0.2", "127.0.0.1"]]))
        #expect(try await Senders.deliver(to: "http://hooks.test:\(receiver.port)/", by: sender) == .delivered)
    }

    @Test("a name that nobody knows, and one without addresses, are failures")
    func unknownName() async throws {
        let sender = try Senders.make(resolver: FixedResolver(["empty.test": []]))
        let unknown = try await Senders.deliver(to: "http://unknown.test/", by: sender)
        #expect(unknown.reason == "failed: the host unknown.test is not known: no such host")
        let empty = try await Senders.deliver(to: "http://empty.test/", by: sender)
        #expect(empty.reason == "failed: the host empty.test has no address")
    }
}
