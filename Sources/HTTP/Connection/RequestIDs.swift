import HTTPTypes

extension HTTPField.Name {
    /// The request's id, in both directions.
    static let requestID = Self("X-Request-Id")!
    /// The place in a trace that a request comes from (W3C Trace Context).
    static let traceParent = Self("traceparent")!
    /// What others keep with the trace.
    static let traceState = Self("tracestate")!
}

/// Makes ids for requests that bring none: 64 random bits as 13 letters and digits, so that they need no allocation; and the
/// numbers that names of traces are made of.
struct RequestIDs: RandomNumberGenerator, Sendable {
    private static let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
    private static let longestAccepted = 128

    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    /// The id of a request: its own where that is short and harmless, else a new one.
    mutating func id(for fields: HeaderFields) -> String {
        if let own = fields[.requestID], Self.isAcceptable(own) { return own }
        return new()
    }

    static func isAcceptable(_ id: String) -> Bool {
        (1...longestAccepted).contains(id.utf8.count) && id.utf8.allSatisfy(ByteSet.requestID.contains)
    }

    /// One step of SplitMix64.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// An id, a step written in base 32.
    mutating func new() -> String {
        var mixed: UInt64 = next()
        return String(unsafeUninitializedCapacity: 13) { buffer in
            for index in 0..<13 {
                buffer[index] = Self.alphabet[Int(mixed & 31)]
                mixed >>= 5
            }
            return 13
        }
    }
}
