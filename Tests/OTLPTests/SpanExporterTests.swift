import HTTPClient
import JSON
import Platform
import Synchronization
import TestSupport
import Testing
import Tracing

@testable import OTLP

@Suite("sending spans")
struct SpanExporterTests {
    /// A collector that answers as it is told, and by 200 afterwards.
    private final class Collector: Sendable {
        private struct State {
            var answers: [Result<Answer, ClientError>]
            var bodies: [[UInt8]] = []
            var events: [SpanExporter.Event] = []
        }

        private let state: Mutex<State>

        init(_ answers: [Result<Answer, ClientError>] = []) { state = Mutex(State(answers: answers)) }

        var bodies: [[UInt8]] { state.withLock { $0.bodies } }
        var events: [SpanExporter.Event] { state.withLock { $0.events } }

        func post(_ body: [UInt8], _: Deadline) throws(ClientError) -> Answer {
            let answer = state.withLock { state in
                state.bodies.append(body)
                return state.answers.isEmpty ? .success(SpanExporterTests.answer(200)) : state.answers.removeFirst()
            }
            return try answer.get()
        }

        func note(_ event: SpanExporter.Event) { state.withLock { $0.events.append(event) } }
    }

    private static func answer(_ status: Int, retryAfter: String? = nil) -> Answer {
        Answer(head: AnswerHead(status: status, retryAfter: retryAfter))
    }

    private func exporter(_ collector: Collector, _ change: (inout OTLPSettings) -> Void = { _ in }) -> SpanExporter {
        var settings = OTLPSettings(server: ServerURL(host: "127.0.0.1", port: 4318))
        settings.coding = .json
        settings.delay = .zero
        change(&settings)
        return SpanExporter(
            settings, program: "vigil", version: "1", firstPause: .milliseconds(1), makePost: { collector.post },
            report: collector.note)
    }

    private func span(_ name: String = "score") throws -> TraceSpan {
        let context = try #require(
            TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: nil))
        return TraceSpan(name, context, parent: nil, start: 1, end: 2)
    }

    private func names(in body: [UInt8]) throws -> [String] {
        let value = try JSONReader.parse(body)
        guard case .array(let resources)? = value["resourceSpans"],
            case .array(let scopes)? = resources[0]["scopeSpans"], case .array(let spans)? = scopes[0]["spans"]
        else { return [] }
        return spans.compactMap { $0["name"]?.string }
    }

    @Test("each span is sent once, in order and no more at once than may be")
    func batches() async throws {
        let collector = Collector()
        let exporter = exporter(collector) { $0.mostAtOnce = 3 }
        for number in 0..<8 { exporter.take(try span("\(number)")) }
        #expect(exporter.start())
        await exporter.finish(within: .seconds(60))
        #expect(try collector.bodies.flatMap(names) == (0..<8).map { "\($0)" })
        #expect(try collector.bodies.map { try names(in: $0).count } == [3, 3, 2])
        #expect(exporter.statistics == .init(exported: 8))
    }

    @Test("beyond what may wait spans are left out, counted, and told of")
    func drops() async throws {
        let collector = Collector()
        let exporter = exporter(collector) { $0.mostWaiting = 5 }
        for number in 0..<9 { exporter.take(try span("\(number)")) }
        #expect(exporter.statistics == .init(dropped: 4, waiting: 5))
        #expect(exporter.start())
        await exporter.finish(within: .seconds(60))
        #expect(exporter.statistics == .init(exported: 5, dropped: 4))
        #expect(collector.events == [.dropped(4)])
        exporter.take(try span())
        #expect(exporter.statistics.dropped == 5, "nothing is taken after the end")
    }

    @Test("what a collector can't take now is tried again until it can, and the log is told once")
    func retries() async throws {
        let answers = [429, 502, 503, 504].map { Result<Answer, ClientError>.success(Self.answer($0)) }
        let collector = Collector(answers + [.failure(.timedOut(.connecting))])
        let exporter = exporter(collector)
        #expect(exporter.start())
        exporter.take(try span())
        await waitUntil { exporter.statistics.exported == 1 }
        await exporter.finish(within: .seconds(60))
        #expect(collector.bodies.count == 6 && Set(collector.bodies).count == 1)
        #expect(collector.events == [.failing(reason: "the collector answered 429"), .recovered(lost: 0)])
    }

    @Test("what a collector refuses is not tried again", arguments: [301, 400, 401, 404, 413, 500, 501])
    func refusals(status: Int) async throws {
        let collector = Collector([.success(Self.answer(status))])
        let exporter = exporter(collector)
        exporter.take(try span())
        #expect(exporter.start())
        await exporter.finish(within: .seconds(60))
        #expect(collector.bodies.count == 1 && exporter.statistics == .init(failed: 1))
        #expect(collector.events == [.failing(reason: "the collector answered \(status)")])
    }

    @Test("the end does not wait for a collector that asks for patience, nor for a time that is over")
    func ends() async throws {
        let collector = Collector([.success(Self.answer(503, retryAfter: "3600"))])
        let exporter = exporter(collector)
        exporter.take(try span())
        #expect(exporter.start())
        await waitUntil { !collector.bodies.isEmpty }
        await exporter.finish(within: .seconds(60))
        #expect(exporter.statistics == .init(failed: 1))
        let late = self.exporter(Collector())
        late.take(try span())
        #expect(late.start())
        await late.finish(within: .zero)
    }

    @Test("a request that takes too long in all is given up, and the next one goes on")
    func patience() async throws {
        let collector = Collector([.failure(.unreachable("127.0.0.1", "refused"))])
        let exporter = exporter(collector) { $0.patience = .zero }
        #expect(exporter.start())
        exporter.take(try span())
        await waitUntil { exporter.statistics.failed == 1 }
        exporter.take(try span())
        await waitUntil { exporter.statistics.exported == 1 }
        await exporter.finish(within: .seconds(60))
        #expect(collector.events.last == .recovered(lost: 1))
    }

    @Test("a collector that takes a part says how many it did not take, in either coding")
    func partialSuccess() {
        func verdict(_ type: String, _ body: [UInt8]) -> ExportVerdict {
            ExportVerdict(Answer(head: AnswerHead(status: 200, contentType: type), body: body), now: 0)
        }
        let json = #"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"why"}}"#
        #expect(verdict("application/json", Array(json.utf8)) == .taken(rejected: 3, reason: "why"))
        #expect(verdict("application/json", Array("{}".utf8)) == .taken(rejected: 0, reason: ""))
        let protobuf: [UInt8] = [0x0A, 7, 0x08, 3, 0x12, 3] + Array("why".utf8)
        #expect(verdict("application/x-protobuf", protobuf) == .taken(rejected: 3, reason: "why"))
        for nonsense in [[], [0xFF], [0x0A, 0xFF], [0x0A, 2, 8], Array(repeating: 0x80, count: 20)] as [[UInt8]] {
            #expect(verdict("application/x-protobuf", nonsense) == .taken(rejected: 0, reason: ""))
            #expect(verdict("application/json", nonsense) == .taken(rejected: 0, reason: ""))
        }
    }

    @Test("of a collector's words no more is kept than a line of the log may have")
    func longWords() {
        let long = String(repeating: "é", count: 300_000)
        let json = #"{"partialSuccess":{"rejectedSpans":"3","errorMessage":"\#(long)"}}"#
        var partial = ProtobufWriter()
        partial.varint(1, 3)
        partial.bytes(2, Array(long.utf8))
        var message = ProtobufWriter()
        message.bytes(1, partial.bytes)
        for (type, body) in [("application/json", Array(json.utf8)), ("application/x-protobuf", message.bytes)] {
            let answer = Answer(head: AnswerHead(status: 200, contentType: type), body: body)
            guard case .taken(3, let reason) = ExportVerdict(answer, now: 0) else {
                Issue.record("not taken")
                continue
            }
            #expect(reason.utf8.count < 500 && reason.hasPrefix("é") && reason.hasSuffix("…"))
        }
    }

    @Test("a request has the fields that were asked for, and a real collector's answer is understood")
    func overHTTP() async throws {
        let server = try RawServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        defer { server.stop() }
        var settings = OTLPSettings(server: ServerURL(host: "127.0.0.1", port: server.port), path: "/v1/traces")
        settings.fields = [("Authorization", "Bearer x")]
        let exporter = SpanExporter(
            settings, program: "vigil", version: "1", makePost: settings.post(trusting: nil), report: { _ in })
        exporter.take(try span())
        #expect(exporter.start())
        await exporter.finish(within: .seconds(60))
        #expect(exporter.statistics == .init(exported: 1))
        let request = try #require(server.requests.first)
        #expect(request.line.hasPrefix("POST /v1/traces "))
        let fields = Dictionary(request.fields.map { ($0.key.lowercased(), $0.value) }) { first, _ in first }
        #expect(fields["content-type"] == "application/x-protobuf" && fields["authorization"] == "Bearer x")
        #expect(!request.body.isEmpty)
    }
}
