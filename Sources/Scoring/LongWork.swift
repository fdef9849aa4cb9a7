import Dispatch

/// Computing that takes long, on threads of its own: Swift's are as few as the processors, and all who wait share them.
package enum LongWork {
    /// So many numbers are looked at in less time than it takes to change threads a few times.
    static let few = 64 << 10

    private static let queue = DispatchQueue(label: "vigil.long-work", attributes: .concurrent)

    /// What `work` gives, which is done elsewhere while the caller waits; here and now where it is not `long`.
    package static func run<Value: Sendable>(
        if isLong: Bool, _ work: @escaping @Sendable () -> Value
    ) async -> Value {
        guard isLong else { return work() }
        return await withCheckedContinuation { (continuation: CheckedContinuation<Value, Never>) in
            queue.async { continuation.resume(returning: work()) }
        }
    }
}
