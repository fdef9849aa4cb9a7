import Platform

/// How many jobs a store holds, and how much.
public struct JobCounts: Sendable, Equatable {
    /// Jobs waiting for a worker, or for their model.
    public var queued = 0
    /// Jobs that a worker holds.
    public var running = 0
    /// Jobs that ended well and are still kept.
    public var succeeded = 0
    /// Jobs that failed and are still kept.
    public var failed = 0
    /// Jobs that were cancelled and are still kept.
    public var cancelled = 0
    /// The bytes of the queued jobs' inputs.
    public var queuedBytes = 0
    /// The parts of the queued jobs.
    public var queuedParts = 0
    /// The bytes that ended jobs take.
    public var endedBytes = 0
    /// What each client has queued that can be claimed.
    public var queuedByClient: [ByteText: Load] = [:]

    /// Queued jobs, and what they take.
    public struct Load: Sendable, Equatable {
        /// How many.
        public var jobs = 0
        /// The bytes of their inputs.
        public var bytes = 0
        /// Their parts.
        public var parts = 0
        /// How many of them are long.
        public var long = 0
        /// The parts of those.
        public var longParts = 0

        /// Counts in a job.
        mutating func add(bytes: Int, parts: Int) {
            if ClaimLimit.isLong(parts: parts) {
                long += 1
                longParts += parts
            }
            jobs += 1
            self.bytes += bytes
            self.parts += parts
        }
    }

    /// Nothing yet.
    public init() {}

    /// All jobs there are.
    public var total: Int { queued + running + succeeded + failed + cancelled }
}
