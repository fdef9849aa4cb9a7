import Synchronization

/// Jobs in memory: as lasting as the process.
///
/// A lock around a ``JobTable``. It is held for as long as one step of the table takes, never across a suspension.
public final class MemoryJobStore: JobStore {
    /// How long and how much is kept.
    public struct Settings: Sendable {
        /// How long an ended job is kept.
        public var resultTTL: Duration
        /// How many bytes ended jobs may take.
        public var resultBudgetBytes: Int
        /// How often a job whose worker was lost is tried.
        public var attempts: Int

        /// Results are kept for an hour, in at most 256 MiB; a job is tried three times.
        public init(resultTTL: Duration = .seconds(3_600), resultBudgetBytes: Int = 256 << 20, attempts: Int = 3) {
            self.resultTTL = resultTTL
            self.resultBudgetBytes = resultBudgetBytes
            self.attempts = attempts
        }
    }

    private struct State {
        var table: JobTable
        var generator = JobIDGenerator()
        var random: any RandomNumberGenerator & Sendable
    }

    private let clock: any JobClock
    private let state: Mutex<State>

    /// An empty store.
    ///
    /// - Parameter random: where IDs and tokens come from.
    public init(
        settings: Settings = Settings(),
        clock: any JobClock = SystemClock(),
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        self.clock = clock
        state = Mutex(State(table: JobTable(settings: settings), random: random))
    }

    /// Queues a job in memory; throws `full` as the protocol says, and nothing else.
    public func insert(_ new: NewJob) async throws(JobStoreError) -> Job {
        let result = step { state, wall, now in
            let id = state.generator.next(at: wall, using: &state.random)
            return Result { () throws(JobStoreError) in
                try state.table.insert(new, id: id, wall: wall, now: now)
            }
        }
        return try result.get()
    }

    /// Takes jobs out of the queue.
    public func claim(limit: Int) async throws(JobStoreError) -> [ClaimedJob] {
        step { state, wall, now in
            var claimed: [ClaimedJob] = []
            while claimed.count < limit {
                let secret: UInt64 = state.random.next()
                guard let job = state.table.claim(secret: secret, wall: wall, now: now) else { break }
                claimed.append(job)
            }
            return claimed
        }
    }

    /// Notes progress.
    public func reportProgress(
        _ token: ClaimToken, partsDone: Int
    ) async throws(JobStoreError) -> ClaimStanding {
        step { state, _, _ in state.table.reportProgress(token, partsDone: partsDone) }
    }

    /// Ends a job; an output may push out others that were fetched.
    public func complete(
        _ token: ClaimToken, with outcome: JobOutcome, timings: JobTimings?
    ) async throws(JobStoreError) -> Job? {
        step { state, wall, now in
            state.table.complete(token, with: outcome, timings: timings, wall: wall, now: now)
        }
    }

    /// Gives a claim back.
    public func release(_ token: ClaimToken, as release: Release) async throws(JobStoreError) -> Job? {
        step { state, wall, now in state.table.release(token, as: release, wall: wall, now: now) }
    }

    /// Cancels a job.
    public func cancel(_ id: JobID) async throws(JobStoreError) -> CancelOutcome {
        step { state, wall, now in state.table.cancel(id, wall: wall, now: now) }
    }

    /// Removes an ended job.
    public func forget(_ id: JobID) async throws(JobStoreError) -> Bool {
        step { state, _, _ in state.table.forget(id) }
    }

    /// The job, unless it has expired.
    public func job(_ id: JobID) async throws(JobStoreError) -> Job? {
        step { state, _, _ in state.table.records[id].map(state.table.shown) }
    }

    /// The output; once it was fetched it may be given up when room is needed.
    public func output(_ id: JobID, fetching: Bool) async throws(JobStoreError) -> JobOutput? {
        step { state, _, _ in fetching ? state.table.fetchOutput(id) : state.table.records[id]?.output }
    }

    /// Whether there is room for the result of one more small job.
    public func checkWritable() async throws(JobStoreError) {
        let result = step { state, _, _ in Result { () throws(JobStoreError) in try state.table.checkRoom(forBytes: 1) }
        }
        try result.get()
    }

    /// A page of jobs.
    public func list(
        status: JobStatus?, limit: Int, before cursor: JobID?
    ) async throws(JobStoreError) -> [Job] {
        step { state, _, _ in state.table.list(status: status, limit: limit, before: cursor) }
    }

    /// What the store holds.
    public func counts() async throws(JobStoreError) -> JobCounts {
        step { state, _, _ in state.table.counts() }
    }

    /// Removes what has expired; other calls do so too.
    public func expire() async throws(JobStoreError) -> Int {
        let now = clock.now
        return state.withLock { $0.table.expire(now: now) }
    }

    /// One step of the table at the time it is now. What has expired is gone before.
    private func step<Value: Sendable>(
        _ body: (inout State, WallTime, MonotonicTime) -> Value
    ) -> Value {
        state.withLock { state in
            let now = clock.now
            _ = state.table.expire(now: now)
            defer { checkSmallTable(state.table) }
            return body(&state, clock.wall, now)
        }
    }

    /// In debug builds, checks the table while that is cheap.
    private func checkSmallTable(_ table: borrowing JobTable) {
        #if DEBUG
            if table.records.count <= 64 { table.checkInvariants() }
        #endif
    }
}
