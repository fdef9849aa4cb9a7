/// A value that one thread waits for, blocked, until a deadline, and another one gives.
public final class BlockingLatch<Value: Sendable>: Sendable {
    private let monitor = Monitor<(value: Value?, isAbandoned: Bool)>((nil, false))

    /// A latch without a value.
    public init() {}

    /// Gives the value.
    public func set(_ value: Value) {
        monitor.withLock { $0.value = value }
        monitor.wakeOne()
    }

    /// Whether nobody waits any more.
    public var isGivenUp: Bool { monitor.withLock { $0.isAbandoned } }

    /// Blocks the thread; nil where the deadline came first.
    public func wait(until deadline: Deadline) -> Value? {
        monitor.wait(until: deadline) {
            $0.value
        } late: {
            $0.isAbandoned = true
        }
    }
}
