import HTTPClient
import Platform
import TLS
import Tracing
import Zlib

/// Sends spans to a collector by OTLP over HTTP, many at once, from a thread of its own.
///
/// Whoever records a span only puts it into a list that is no longer than it may be: beyond that spans are left out, and
/// counted. What a collector can't take now is tried again with growing pauses, for as long as a request may take in all.
public final class SpanExporter: SpanSink {
    /// Numbers since the start.
    public struct Statistics: Sendable, Equatable {
        /// Spans that the collector has taken.
        public var exported = 0
        /// Spans that were left out since too many were waiting.
        public var dropped = 0
        /// Spans that the collector did not take, or not in time.
        public var failed = 0
        /// Spans that wait.
        public var waiting = 0
    }

    /// What the log may be told.
    public enum Event: Sendable, Equatable {
        /// Spans can't be sent, for the first time since they could.
        case failing(reason: String)
        /// They can again; so many were lost meanwhile.
        case recovered(lost: Int)
        /// So many were left out, since too many were waiting.
        case dropped(Int)
        /// The collector did not take so many of a request, and says why.
        case rejected(Int, reason: String)
    }

    /// One try: the collector's answer to a request with this body.
    public typealias Post = (_ body: [UInt8], _ deadline: Deadline) throws(ClientError) -> Answer

    private struct State {
        var spans: [TraceSpan] = []
        var statistics = Statistics()
        /// Those left out that the log has not been told of.
        var untold = 0
        /// When everything has to be over; nil while the program goes on.
        var end: Deadline?
        var hasBegun = false
        var hasEnded = false
    }

    private static let stackBytes = 512 << 10
    /// The longest pause between two tries, if the collector asks for none.
    private static let longestPause = Duration.seconds(16)

    private let settings: OTLPSettings
    private let resource: [ResourceAttribute]
    private let scope: (name: String, version: String)
    private let firstPause: Duration
    private let makePost: @Sendable () -> Post
    private let report: @Sendable (Event) -> Void
    private let state = Monitor(State())

    /// An exporter that sends what is written by `settings`, and has not begun.
    ///
    /// - Parameters:
    ///   - settings: where spans go, and how
    ///   - program: what the collector calls this service and its version
    ///   - version: the program's
    ///   - firstPause: after the first try that failed; the next ones are twice as long each
    ///   - makePost: called on the exporter's thread, for what sends
    ///   - report: told what an operator may want to know; it must not block for long
    public init(
        _ settings: OTLPSettings, program: String, version: String, firstPause: Duration = .seconds(1),
        makePost: @escaping @Sendable () -> Post, report: @escaping @Sendable (Event) -> Void
    ) {
        self.settings = settings
        resource = settings.resource(program: program, version: version)
        scope = (program, version)
        self.firstPause = firstPause
        self.makePost = makePost
        self.report = report
    }

    /// What has become of spans.
    public var counts: SpanCounts {
        let statistics = statistics
        var counts = SpanCounts()
        (counts.exported, counts.failed, counts.dropped) = (statistics.exported, statistics.failed, statistics.dropped)
        return counts
    }

    /// Numbers since the start.
    public var statistics: Statistics {
        state.withLock { state in
            var statistics = state.statistics
            statistics.waiting = state.spans.count
            return statistics
        }
    }

    /// Takes a span, if there is room.
    public func take(_ span: TraceSpan) {
        let count = state.withLock { state -> Int? in
            guard state.spans.count < settings.mostWaiting, state.end == nil else {
                state.statistics.dropped += 1
                state.untold += 1
                return nil
            }
            state.spans.append(span)
            return state.spans.count
        }
        if count == 1 || count == settings.mostAtOnce { state.wakeAll() }
    }

    /// Begins to send; false where the system gives no thread.
    public func start() -> Bool {
        state.withLock { $0.hasBegun = true }
        let isRunning = OwnThread.run(name: "vigil-spans", stackBytes: Self.stackBytes) { self.run() } == 0
        if !isRunning { state.withLock { $0.hasBegun = false } }
        return isRunning
    }

    /// Sends what is there and ends, or gives it up when the time is over.
    public func finish(within time: Duration) async {
        let end = Deadline(in: time)
        state.withLock { $0.end = end }
        state.wakeAll()
        while state.withLock({ $0.hasBegun && !$0.hasEnded }), end.milliseconds > 0 {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}

extension SpanExporter {
    private func run() {
        let post = makePost()
        var isFailing = false
        while let (batch, untold) = next() {
            if untold > 0 { report(.dropped(untold)) }
            if !batch.isEmpty { export(batch, by: post, &isFailing) }
        }
        state.withLock { $0.hasEnded = true }
    }

    /// Blocks until spans are to be sent; nil when that is over.
    private func next() -> (spans: [TraceSpan], untold: Int)? {
        _ = state.wait { state in !state.spans.isEmpty || state.end != nil || state.untold > 0 ? true : nil }
        _ = state.wait(until: Deadline(in: settings.delay)) { state in
            state.spans.count >= settings.mostAtOnce || state.end != nil ? true : nil
        }
        return state.withLock { state in
            if let end = state.end, state.spans.isEmpty || end.milliseconds == 0 { return nil }
            let batch = Array(state.spans.prefix(settings.mostAtOnce))
            state.spans.removeFirst(batch.count)
            defer { state.untold = 0 }
            return (batch, state.untold)
        }
    }

    private func export(_ spans: [TraceSpan], by post: Post, _ isFailing: inout Bool) {
        let body = TraceRequest(resource: resource, scope: scope, spans: spans).encoded(settings.coding)
        let limit = Deadline(in: settings.patience)
        var pause = firstPause
        while true {
            switch attempt(body, by: post, until: limit) {
            case .taken(let rejected, let reason):
                let lost = min(rejected, spans.count)
                count {
                    $0.exported += spans.count - lost; $0.failed += lost
                }
                if isFailing { report(.recovered(lost: state.withLock { $0.statistics.failed })) }
                if lost > 0 { report(.rejected(lost, reason: reason)) }
                isFailing = false
                return
            case .refused(let reason):
                count { $0.failed += spans.count }
                if !isFailing { report(.failing(reason: reason)) }
                isFailing = true
                return
            case .again(let reason, let asked):
                if !isFailing { report(.failing(reason: reason)) }
                isFailing = true
                let wait = max(pause * Double.random(in: 0.8...1.2), asked ?? .zero)
                pause = min(pause * 2, Self.longestPause)
                // Where the collector asks for more time than there is, the next request waits for as long.
                guard rest(wait, until: limit) else {
                    count { $0.failed += spans.count }
                    return
                }
            }
        }
    }

    private func attempt(_ body: [UInt8], by post: Post, until limit: Deadline) -> ExportVerdict {
        let end = state.withLock { $0.end } ?? limit
        let deadline = Deadline(in: settings.timeout).earlier(limit).earlier(end)
        do throws(ClientError) { return ExportVerdict(try post(body, deadline), now: time(nil)) } catch {
            return ExportVerdict(error)
        }
    }

    /// Waits; false where there is no time left afterwards. The end of the program cuts the waiting short.
    private func rest(_ wait: Duration, until limit: Deadline) -> Bool {
        let moment = Deadline(in: wait)
        let isEnding = state.wait(until: moment) { state in state.end != nil ? true : nil } ?? false
        return !isEnding && limit.milliseconds > 0
    }

    private func count(_ body: (inout Statistics) -> Void) { state.withLock { body(&$0.statistics) } }
}

extension OTLPSettings {
    /// What is told of the process: what the variables say before what is known anyhow.
    func resource(program: String, version: String) -> [ResourceAttribute] {
        var attributes = resource.map { ResourceAttribute(name: $0.name, value: .text($0.value)) }
        func add(_ name: String, _ value: TraceSpan.Value) {
            guard !attributes.contains(where: { $0.name == name }) else { return }
            attributes.append(ResourceAttribute(name: name, value: value))
        }
        add("service.name", .text(program))
        add("service.version", .text(version))
        var random = SystemRandomNumberGenerator()
        add("service.instance.id", .text(TraceID(using: &random).description))
        add("process.pid", .integer(Int(getpid())))
        add("telemetry.sdk.name", .text(program))
        add("telemetry.sdk.language", .text("swift"))
        add("telemetry.sdk.version", .text(version))
        return attributes
    }

    /// What sends requests over one connection, which is made anew where it broke.
    ///
    /// - Parameter trust: whom the collector is believed over TLS
    public func post(trusting trust: TLSClientContext?) -> @Sendable () -> SpanExporter.Post {
        { [self] in
            var client: HTTPClient?
            return { (body: [UInt8], deadline: Deadline) throws(ClientError) -> Answer in
                // Looked up again after a failure: the collector may have moved.
                let current: HTTPClient
                if let kept = client {
                    current = kept
                } else {
                    current = try HTTPClient(server, trusting: trust, largestBody: 1 << 20)
                }
                client = nil
                let answer = try current.exchange(message(body), by: deadline)
                client = current
                return answer
            }
        }
    }

    private func message(_ body: [UInt8]) -> [UInt8] {
        var fields: [(name: String, value: String)] = [("User-Agent", "vigil"), ("Content-Type", coding.mediaType)]
        var sent = body
        if isCompressed, var deflater = Deflater(.gzip, level: 1) {
            sent = deflater.compress(body, isLast: true)
            fields.append(("Content-Encoding", "gzip"))
        }
        return HTTPClient.message("POST", path, to: server, fields: fields + self.fields, body: sent)
    }
}
