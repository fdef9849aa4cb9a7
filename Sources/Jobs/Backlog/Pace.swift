import Platform

extension Backlog {
    /// How fast bytes have to move for what was taken for them to stay theirs when others want the room.
    public struct Pace: Sendable {
        /// How far an upload, or an answer, may be behind.
        public var grace = Duration.seconds(5)
        /// What is always fast enough, unless the whole would take longer than `longest`.
        public var leastBytesPerSecond = 64 << 10
        /// How long the largest may take, beside the grace.
        public var longest = Duration.seconds(120)

        /// How long a client that broke one off gets no grace for others.
        public var memory = Duration.seconds(60)

        /// The defaults.
        public init() {}

        func bytesPerSecond(ofBytes bytes: Int) -> Double {
            max(Double(leastBytesPerSecond), Double(bytes) / max(longest.inSeconds, 1))
        }

        /// Until when what had to move on before `due` is in time, now that `moved` bytes of `total` did.
        public func due(
            _ due: MonotonicTime, after moved: Int, of total: Int, now: MonotonicTime
        ) -> MonotonicTime {
            let earned = Duration.nanoseconds(Int64(Double(moved) / bytesPerSecond(ofBytes: total) * 1e9))
            // Credit is never for longer than the grace: what came fast is no leave to stand still.
            return min(due + earned, now + grace)
        }
    }
}

/// The clients that lately broke off what room was kept for, and until when they get no grace for the next: who begins
/// anew each time before it is late would else keep its room for ever.
public struct Breakers: Sendable {
    private static let most = 10_000

    private var until: [ByteText: MonotonicTime] = [:]

    /// None.
    public init() {}

    /// Notes that a client has broken something off.
    public mutating func note(_ client: String, now: MonotonicTime, for memory: Duration) {
        if until.count >= Self.most { until = until.filter { $0.value > now } }
        guard until.count < Self.most else { return }
        until[ByteText(client)] = now + memory
    }

    /// Whether a client has done so lately.
    public func knows(_ client: String, now: MonotonicTime) -> Bool {
        until[ByteText(client)].map { $0 > now } ?? false
    }
}
