import Logging
import Platform
import Synchronization

/// The bounded front of the queue, and the only one that speaks to its store.
///
/// Services hand jobs in and follow them (`+Submitting`, `+Reading`, `+Watching`); the ``WorkerPool`` takes them out
/// (`+Working`). Because both go through here, the bound, the counters and the watchers need nothing from the store.
public final class Backlog: Sendable {
    /// How much may be queued.
    public struct Limits: Sendable {
        /// How many jobs.
        public var maxJobs: Int
        /// How many bytes their inputs may take together.
        public var maxBytes: Int
        /// How many of the jobs may be of one client; nil for all.
        public var maxJobsPerClient: Int?
        /// How many of the bytes may be of one client; nil for all.
        public var maxBytesPerClient: Int?
        /// What uploads must bring for what they were promised to be theirs.
        public var pace = Pace()
        /// Clients whose share is not limited.
        public var spares: @Sendable (_ client: String) -> Bool = { _ in false }

        /// By default a thousand jobs and 512 MiB, which one client may have alone.
        public init(maxJobs: Int = 1_000, maxBytes: Int = 512 << 20) {
            self.maxJobs = maxJobs
            self.maxBytes = maxBytes
        }

        /// What `client` may have.
        func share(of client: String) -> (jobs: Int, bytes: Int) {
            guard maxJobsPerClient != nil || maxBytesPerClient != nil, !spares(client) else {
                return (maxJobs, maxBytes)
            }
            return (min(maxJobsPerClient ?? maxJobs, maxJobs), min(maxBytesPerClient ?? maxBytes, maxBytes))
        }
    }

    struct State {
        var ledger: QueueLedger
        var rate = PartRate()
        var metrics = JobMetrics()
        var isAccepting = true
        /// The uploads in flight that have room.
        var uploads: [ObjectIdentifier: UploadRoom] = [:]
        /// The clients that lately gave up an upload before it had come.
        var breakers = Breakers()
        /// No upload is late before this.
        var nextLate = MonotonicTime(nanoseconds: .min)
        /// Tells a running worker pool that a job shall stop.
        var stopRunning: (@Sendable (JobID) -> Void)?
        /// Has a running worker pool renew its claims.
        var renewClaims: (@Sendable () async -> Void)?
        /// When that is to be done next.
        var nextRenewal = MonotonicTime(nanoseconds: .min)
    }

    /// How much may be queued.
    public let limits: Limits
    let store: any JobStore
    /// Where the time is taken from.
    public let clock: any JobClock
    let logger: Logger
    /// Rung after every change that may let a worker claim a job.
    let bell = Doorbell()
    /// Rung when there may be a callback to deliver.
    let callbackBell = Doorbell()
    let watchers: Watchers
    let state: Mutex<State>

    /// A backlog before `store`, which nobody else may use.
    public init(
        store: any JobStore,
        limits: Limits = Limits(),
        clock: any JobClock = SystemClock(),
        logger: Logger = Logger(label: "vigil.jobs")
    ) {
        self.limits = limits
        self.store = store
        self.clock = clock
        self.logger = logger
        watchers = Watchers(clock: clock)
        state = Mutex(State(ledger: QueueLedger(limits: limits)))
    }

    /// Counts in what the store held before this process began. Call it once, before anything is submitted.
    public func resume() async throws(JobStoreError) {
        let counts = try await store.counts()
        let waiting = try await store.waitingJobs()
        state.withLock { state in
            state.ledger.waiting += waiting.reduce(0) { $0 + $1.jobs }
            for (client, load) in counts.queuedByClient {
                state.ledger.enqueue(
                    QueueLedger.Load(load), of: client.text)
            }
        }
        bell.ring()
    }

    /// Whether jobs outlast the process.
    public var isLasting: Bool { store.isLasting }

    /// What keeps the jobs, for health checks.
    public var storeSummary: String { store.summary }

    /// Refuses all further jobs with `draining`. What is queued stays queued.
    public func stopAccepting() {
        state.withLock { $0.isAccepting = false }
    }
}
