import Platform

/// A trace's name: 16 bytes, of which one at least is not zero.
public struct TraceID: Sendable, Hashable, CustomStringConvertible {
    /// The first eight bytes.
    public let high: UInt64
    /// The last eight, which ratios go by.
    public let low: UInt64

    /// The name of these bytes; nil for zeros alone.
    public init?(high: UInt64, low: UInt64) {
        guard high | low != 0 else { return nil }
        self.high = high
        self.low = low
    }

    /// A new name.
    public init(using random: inout some RandomNumberGenerator) {
        high = random.next()
        low = max(random.next(), 1)
    }

    /// 32 hexadecimal digits in lower case.
    public var description: String { Hexadecimal.text(of: [high, low]) }

    /// The bytes in their order.
    public var bytes: [UInt8] { Hexadecimal.bytes(of: high) + Hexadecimal.bytes(of: low) }
}

/// A span's name within its trace: eight bytes, of which one at least is not zero.
public struct SpanID: Sendable, Hashable, CustomStringConvertible {
    /// The bytes as a number, the first one highest.
    public let value: UInt64

    /// The name of these bytes; nil for zeros alone.
    public init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        self.value = value
    }

    /// A new name.
    public init(using random: inout some RandomNumberGenerator) { value = max(random.next(), 1) }

    /// 16 hexadecimal digits in lower case.
    public var description: String { Hexadecimal.text(of: [value]) }

    /// The bytes in their order.
    public var bytes: [UInt8] { Hexadecimal.bytes(of: value) }
}

/// Where in a trace something happens, as `traceparent` and `tracestate` hand it on from service to service
/// (W3C Trace Context, level 2).
public struct TraceContext: Sendable, Hashable {
    /// The trace.
    public let traceID: TraceID
    /// The span that what follows belongs to.
    public var spanID: SpanID
    /// Whether spans of it are recorded.
    public var isSampled: Bool
    /// Whether the trace's name was drawn by lot, as its maker says.
    public let isRandom: Bool
    /// What others along the way keep with the trace, as it is sent on; empty where there is nothing.
    public let state: String

    /// A place in a trace.
    public init(traceID: TraceID, spanID: SpanID, isSampled: Bool, isRandom: Bool = false, state: String = "") {
        self.traceID = traceID
        self.spanID = spanID
        self.isSampled = isSampled
        self.isRandom = isRandom
        self.state = state
    }

    /// Bytes that `traceparent` has in the version that is known.
    private static let length = 55

    /// Reads the fields of a request; nil where `traceparent` is none, and then the other one counts for nothing.
    ///
    /// - Parameters:
    ///   - parent: the value of `traceparent`; of several lines, which are never valid, all with commas between them
    ///   - state: the value of `tracestate`; of several lines all with commas between them
    public init?(parent: String, state: String?) {
        var parent = parent
        let read = parent.withUTF8 { bytes -> (TraceID, SpanID, UInt8)? in
            guard bytes.count >= Self.length, let version = Hexadecimal.number(bytes[0..<2]), version != 0xFF,
                // What a later version adds stands behind a dash; this one has nothing more.
                version == 0 ? bytes.count == Self.length : bytes.count == Self.length || bytes[55] == ASCII.dash,
                bytes[2] == ASCII.dash, bytes[35] == ASCII.dash, bytes[52] == ASCII.dash,
                let high = Hexadecimal.number(bytes[3..<19]), let low = Hexadecimal.number(bytes[19..<35]),
                let trace = TraceID(high: high, low: low),
                let span = Hexadecimal.number(bytes[36..<52]).flatMap({ SpanID($0) }),
                let flags = Hexadecimal.number(bytes[53..<55])
            else { return nil }
            return (trace, span, UInt8(truncatingIfNeeded: flags))
        }
        guard let (traceID, spanID, flags) = read else { return nil }
        self.init(
            traceID: traceID, spanID: spanID, isSampled: flags & 1 != 0, isRandom: flags & 2 != 0,
            state: state.flatMap { TraceState.sendable($0) } ?? "")
    }

    /// The value of `traceparent`.
    public var parent: String {
        var text = Array("00-".utf8)
        text.reserveCapacity(Self.length)
        Hexadecimal.append(traceID.high, to: &text)
        Hexadecimal.append(traceID.low, to: &text)
        text.append(ASCII.dash)
        Hexadecimal.append(spanID.value, to: &text)
        text += [ASCII.dash, ASCII.zero, ASCII.zero + (isSampled ? 1 : 0) + (isRandom ? 2 : 0)]
        return String(decoding: text, as: UTF8.self)
    }

    /// The fields of a request that hands it on.
    public var fields: [(name: String, value: String)] {
        [("traceparent", parent)] + (state.isEmpty ? [] : [("tracestate", state)])
    }

    /// Both values in one text, to be kept with what goes on later.
    public var text: String { state.isEmpty ? parent : "\(parent) \(state)" }

    /// Reads what ``text`` writes; nil for anything else.
    public init?(text: String) {
        let parts = text.pieces(between: ASCII.space, most: 1)
        self.init(parent: String(parts[0]), state: parts.count > 1 ? String(parts[1]) : nil)
    }
}

/// Numbers as hexadecimal digits, all of them and in lower case, as traces are written.
private enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    static func bytes(of number: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) }
    }

    /// Event loops ask for it with each traced request.
    static func text(of numbers: [UInt64]) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(16 * numbers.count)
        for number in numbers { append(number, to: &text) }
        return String(decoding: text, as: UTF8.self)
    }

    static func append(_ number: UInt64, to text: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            text.append(digits[Int(truncatingIfNeeded: number >> UInt64(shift)) & 15])
        }
    }

    /// At most 16 digits; nil for anything else, capital letters too.
    static func number(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
        var number: UInt64 = 0
        for byte in text {
            guard let digit = ASCII.hexValue(byte), !(0x41...0x46).contains(byte) else { return nil }
            number = number << 4 | UInt64(digit)
        }
        return number
    }
}
