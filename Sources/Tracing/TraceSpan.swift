import Platform

/// A step of a trace, once it is over.
public struct TraceSpan: Sendable, Equatable {
    /// What it is to its neighbours.
    public enum Kind: Int, Sendable {
        /// A step within a process.
        case `internal` = 1
        /// The handling of a request.
        case server = 2
        /// A request to somebody else.
        case client = 3
        /// Work that was handed over before.
        case consumer = 5
    }

    /// What is told of it.
    public enum Value: Sendable, Equatable {
        case text(String)
        case integer(Int)
        case number(Double)
        case flag(Bool)
    }

    /// What it does, in few words of which there are few.
    public let name: String
    /// Itself.
    public let context: TraceContext
    /// The span that it is a part of; nil for the first one of a trace.
    public let parent: SpanID?
    /// Whether that one is another process's.
    public let isParentRemote: Bool
    /// What it is to its neighbours.
    public let kind: Kind
    /// Its beginning, in nanoseconds since 1970.
    public let start: UInt64
    /// Its end, in nanoseconds since 1970.
    public let end: UInt64
    /// What is told of it, by names of OpenTelemetry's conventions where there is one.
    public var attributes: [(name: String, value: Value)]
    /// What went wrong; nil where nothing did.
    public var failure: String?

    /// A span from its parts.
    public init(
        _ name: String, _ context: TraceContext, parent: SpanID?, isParentRemote: Bool = false, kind: Kind = .internal,
        start: UInt64, end: UInt64, attributes: [(name: String, value: Value)] = [], failure: String? = nil
    ) {
        self.name = name
        self.context = context
        self.parent = parent
        self.isParentRemote = isParentRemote
        self.kind = kind
        self.start = start
        self.end = max(start, end)
        self.attributes = attributes
        self.failure = failure
    }

    /// Whether all of both is the same.
    public static func == (left: TraceSpan, right: TraceSpan) -> Bool {
        left.name == right.name && left.context == right.context && left.parent == right.parent
            && left.isParentRemote == right.isParentRemote && left.kind == right.kind && left.start == right.start
            && left.end == right.end && left.failure == right.failure
            && left.attributes.elementsEqual(right.attributes) { $0 == $1 }
    }
}

/// The time of day as spans have it.
public enum SpanTime {
    /// Nanoseconds since 1970.
    public static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(max(0, time.tv_nsec))
    }

    /// The time so long before another.
    public static func time(_ duration: Duration, before time: UInt64) -> UInt64 {
        let nanoseconds = UInt64(max(0, duration.wholeNanoseconds))
        return time > nanoseconds ? time - nanoseconds : 0
    }
}
