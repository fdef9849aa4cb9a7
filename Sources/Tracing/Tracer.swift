import Platform

/// Takes spans that are over, from any thread; it must not block.
public protocol SpanSink: Sendable {
    /// Takes a span.
    func take(_ span: TraceSpan)
    /// What has become of those that were taken.
    var counts: SpanCounts { get }
}

extension SpanSink {
    /// Nobody counts.
    public var counts: SpanCounts { SpanCounts() }
}

/// What became of spans since the start.
public struct SpanCounts: Sendable, Equatable {
    /// Those that a collector has.
    public var exported = 0
    /// Those that it did not take, or not in time.
    public var failed = 0
    /// Those that were left out since too many were waiting.
    public var dropped = 0

    /// None.
    public init() {}
}

/// Where a request is in its trace, and where it comes from.
public struct RequestTrace: Sendable, Hashable {
    /// The request itself, to which what is done for it belongs.
    public let context: TraceContext
    /// Who sent it, as far as that was said.
    public let parent: SpanID?

    /// A request within its trace.
    public init(_ context: TraceContext, parent: SpanID?) {
        self.context = context
        self.parent = parent
    }

    /// The trace's name, where it is to be found by it: where it is recorded, or somebody else has made it.
    public var shownID: TraceID? { context.isSampled || parent != nil ? context.traceID : nil }
}

/// Decides which traces are recorded, and hands their spans on.
public struct Tracer: Sendable {
    private let sampler: Sampler
    private let sink: any SpanSink

    /// A tracer by whose rule traces are recorded, and that hands spans to a sink.
    public init(_ sampler: Sampler, to sink: any SpanSink) {
        self.sampler = sampler
        self.sink = sink
    }

    /// What has become of the spans that were recorded.
    public var counts: SpanCounts { sink.counts }

    /// The place of a request that has come in.
    ///
    /// - Parameters:
    ///   - parent: what the request says of its trace; nil where it begins one
    ///   - isTrusted: whether it may have a say in what is recorded, by the flag or by the trace's name
    ///   - random: the source of chance
    public func begin(
        from parent: TraceContext?, isTrusted: Bool = true, using random: inout some RandomNumberGenerator
    ) -> RequestTrace {
        let trace = parent?.traceID ?? TraceID(using: &random)
        let isSampled =
            isTrusted || parent == nil
            ? sampler.samples(trace, from: parent) : sampler.samples(TraceID(using: &random), from: nil)
        let context = TraceContext(
            traceID: trace, spanID: SpanID(using: &random), isSampled: isSampled,
            isRandom: parent?.isRandom ?? false, state: parent?.state ?? "")
        return RequestTrace(context, parent: parent?.spanID)
    }

    /// Records a span, if its trace is.
    public func record(_ span: @autoclosure () -> TraceSpan, of context: TraceContext?) {
        guard let context, context.isSampled else { return }
        sink.take(span())
    }

    /// Records a step within something that is recorded.
    public func record(
        _ name: String, within context: TraceContext?, from start: UInt64, to end: UInt64,
        _ attributes: @autoclosure () -> [(name: String, value: TraceSpan.Value)] = [], failure: String? = nil
    ) {
        guard let context, context.isSampled else { return }
        let step = context.step
        sink.take(
            TraceSpan(
                name, step, parent: context.spanID, start: start, end: end, attributes: attributes(), failure: failure))
    }
}

extension TraceContext {
    /// The place of a step within this one.
    public var step: TraceContext {
        var random = SystemRandomNumberGenerator()
        var step = self
        step.spanID = SpanID(using: &random)
        return step
    }
}
