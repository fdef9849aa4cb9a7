public import HTTP
import HTTPTypes
import Platform
public import Tracing

extension Tracer {
    /// Records a request that was answered, or that nobody waits for any more. Probes are recorded only within the trace of
    /// whoever sends them: by themselves they say nothing, and come all the time.
    @Sendable public func record(_ exchange: ExchangeRecord) {
        guard let trace = exchange.trace, trace.context.isSampled else { return }
        if trace.parent == nil, let route = exchange.route, Self.probes.contains(route) { return }
        let end = SpanTime.now
        let method = exchange.knownMethod ?? "HTTP"
        record(
            TraceSpan(
                exchange.route.map { "\(method) \($0)" } ?? method, trace.context, parent: trace.parent,
                isParentRemote: trace.parent != nil, kind: .server,
                start: SpanTime.time(exchange.duration, before: end), end: end, attributes: exchange.attributes,
                failure: exchange.failure), of: trace.context)
    }

    private static let probes: Set<String> = [
        "/livez", "/readyz", "/healthz", "/v2/health/live", "/v2/health/ready", "/metrics",
    ]
}

extension ExchangeRecord {
    /// By OpenTelemetry's conventions for HTTP; the query, in which clients may have what is theirs alone, is left out.
    fileprivate var attributes: [(name: String, value: TraceSpan.Value)] {
        var attributes: [(name: String, value: TraceSpan.Value)] = [
            ("client.address", .text(address.host)),
            ("http.request.body.size", .integer(bodyBytes)), ("http.response.body.size", .integer(answerBytes)),
            ("vigil.request_id", .text(requestID)),
        ]
        if let method {
            attributes.append(("http.request.method", .text(knownMethod ?? "_OTHER")))
            if knownMethod == nil { attributes.append(("http.request.method_original", .text(method.rawValue))) }
        }
        if let route { attributes.append(("http.route", .text(route))) }
        if let path { attributes.append(("url.path", .text(path))) }
        if let status { attributes.append(("http.response.status_code", .integer(status.code))) }
        if let failure { attributes.append(("error.type", .text(failure))) }
        if case .key(let name) = client { attributes.append(("enduser.id", .text(name))) }
        return attributes
    }

    private static let methods: Set = ["GET", "POST", "HEAD", "DELETE", "OPTIONS", "PUT", "PATCH", "TRACE", "QUERY"]

    /// The method where it is one that there is: clients make up any, and the names of spans are few.
    fileprivate var knownMethod: String? {
        guard let name = method?.rawValue, Self.methods.contains(name) else { return nil }
        return name
    }

    /// What went wrong at this end: a status of the server's own, or an answer that nobody took to its end.
    fileprivate var failure: String? {
        guard let status else { return "interrupted" }
        if status.code >= 500 { return "\(status.code)" }
        return isComplete ? nil : "interrupted"
    }
}

/// The steps of an upload, from the head of its request on.
struct UploadSpans {
    private let tracer: Tracer
    private let context: TraceContext
    private var last: UInt64

    /// Nil where they are not recorded.
    init?(_ tracer: Tracer?, _ trace: RequestTrace?) {
        guard let tracer, let context = trace?.context, context.isSampled else { return nil }
        self.tracer = tracer
        self.context = context
        last = SpanTime.now
    }

    /// All has come and is decoded: most of that while it came.
    mutating func decoded(_ body: RequestBody, matrices: Int) {
        let now = SpanTime.now
        let arrived = body.endedAt.map { SpanTime.time(MonotonicTime.now - $0, before: now) } ?? now
        tracer.record("receive", within: context, from: last, to: max(last, arrived))
        tracer.record(
            "decode", within: context, from: max(last, arrived), to: now, [("vigil.matrices", .integer(matrices))])
        last = now
    }

    /// Jobs were made of it and committed.
    func submitted(jobs: Int) {
        tracer.record("submit", within: context, from: last, to: SpanTime.now, [("vigil.jobs", .integer(jobs))])
    }
}
