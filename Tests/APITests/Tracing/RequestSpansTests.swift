import HTTPTypes
import Platform
import Synchronization
import Testing
import Tracing

@testable import API
@testable import HTTP

@Suite("the span of a request")
struct RequestSpansTests {
    private final class Spans: SpanSink {
        private let contents = Mutex<[TraceSpan]>([])
        var all: [TraceSpan] { contents.withLock { $0 } }
        func take(_ span: TraceSpan) { contents.withLock { $0.append(span) } }
    }

    /// The name of the span, and what it tells of the method.
    private func span(_ method: String?, _ route: String?) throws -> (name: String, methods: [TraceSpan.Value]) {
        let context = try #require(
            TraceContext(parent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", state: nil))
        let spans = Spans()
        Tracer(.always, to: spans).record(
            ExchangeRecord(
                address: .unknown, client: nil, method: method.flatMap { HTTPRequest.Method($0) }, route: route,
                path: "/", requestID: "one", trace: RequestTrace(context, parent: nil), status: .ok, problem: nil,
                shortage: nil, isComplete: true, duration: .milliseconds(3), bodyBytes: 0, answerBytes: 0))
        let span = try #require(spans.all.first)
        let methods = span.attributes.filter { $0.name.hasPrefix("http.request.method") }
        return (span.name, methods.map(\.value))
    }

    @Test("it is called after method and route, of which there are few: no client makes up a name")
    func names() throws {
        let usual = try span("POST", "/score")
        #expect(usual.name == "POST /score" && usual.methods == [.text("POST")])
        #expect(try span("GET", nil).name == "GET")
        let madeUp = try span("MADE-UP-7", nil)
        #expect(madeUp.name == "HTTP" && madeUp.methods == [.text("_OTHER"), .text("MADE-UP-7")])
        let unread = try span(nil, nil)
        #expect(unread.name == "HTTP" && unread.methods.isEmpty)
    }
}
