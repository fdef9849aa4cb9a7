import Platform

/// Computing that takes long, on threads of our own: Swift's are as few as the processors, and all who wait share them.
package enum LongWork {
    /// So many numbers are looked at in less time than it takes to change threads a few times.
    static let few = 64 << 10

    /// What `work` gives, which is done elsewhere while the caller waits; here and now where it is not `long`.
    package static func run<Value: Sendable>(
        if isLong: Bool, _ work: @escaping @Sendable () -> Value
    ) async -> Value {
        isLong ? await WorkThreads.computing.run(work) : work()
    }
}
