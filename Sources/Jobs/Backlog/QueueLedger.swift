import Platform

/// What is queued and what was promised a place, kept below the limits, in all and for each client.
///
/// The sum is never less than what the store holds: a job is counted before it is inserted, and counted out after it
/// was claimed or cancelled. Only a released job comes back without being asked.
struct QueueLedger: Sendable {
    struct Load: Sendable, Equatable {
        var jobs = 0
        var bytes = 0
        var parts = 0
        /// How many of the jobs are long.
        private(set) var long = 0
        /// The parts of those.
        private(set) var longParts = 0

        /// So many jobs, of which one alone can be told to be long.
        init(jobs: Int = 0, bytes: Int = 0, parts: Int = 0) {
            (self.jobs, self.bytes, self.parts) = (jobs, bytes, parts)
            if jobs == 1, ClaimLimit.isLong(parts: parts) { (long, longParts) = (1, parts) }
        }

        /// What a store counted.
        init(_ load: JobCounts.Load) {
            (jobs, bytes, parts, long, longParts) = (load.jobs, load.bytes, load.parts, load.long, load.longParts)
        }

        static func += (left: inout Load, right: Load) {
            left.jobs += right.jobs
            left.bytes += right.bytes
            left.parts += right.parts
            left.long += right.long
            left.longParts += right.longParts
        }

        static func -= (left: inout Load, right: Load) {
            left.jobs -= right.jobs
            left.bytes -= right.bytes
            left.parts -= right.parts
            left.long -= right.long
            left.longParts -= right.longParts
        }
    }

    /// What one client, or all of them, have queued and reserved.
    struct Account: Sendable, Equatable {
        var queued = Load()
        var reserved = Load()

        /// Whether so much more stays below the limits.
        func hasRoom(_ load: Load, maxJobs: Int, maxBytes: Int) -> Bool {
            let (places, held) = (queued.jobs + reserved.jobs, queued.bytes + reserved.bytes)
            return (load.jobs == 0 || load.jobs <= maxJobs - places) && held <= maxBytes
                && load.bytes <= maxBytes - held
        }

        /// About what must leave the queue before so much fits, taking the jobs of each lane as equal.
        func leaving(for load: Load, maxJobs: Int, maxBytes: Int) -> Leaving {
            guard queued.jobs > 0 else { return Leaving() }
            let jobsOver = max(queued.jobs + reserved.jobs + max(load.jobs, 1) - maxJobs, 0)
            let bytesOver = max(queued.bytes + reserved.bytes - maxBytes + min(load.bytes, maxBytes), 0)
            let jobsForBytes = Double(bytesOver) * Double(queued.jobs) / Double(max(queued.bytes, 1))
            let leaving = min(max(Double(jobsOver), jobsForBytes.rounded(.up)), Double(queued.jobs))
            let short = queued.jobs - queued.long
            var found = Leaving()
            // The short ones have left before a long one has.
            found.shortParts =
                min(leaving, Double(short)) * Double(queued.parts - queued.longParts) / Double(max(short, 1))
            found.long = Int(max(leaving - Double(short), 0).rounded(.up))
            found.longParts = Double(queued.longParts) / Double(max(queued.long, 1))
            return found
        }
    }

    /// What must leave the queue before something else fits.
    struct Leaving: Sendable, Equatable {
        /// The parts of all short jobs among it.
        var shortParts = 0.0
        /// How many long ones are.
        var long = 0
        /// The parts of each of those.
        var longParts = 0.0
    }

    /// Why there is no room.
    enum Shortage: Equatable {
        /// All clients together have too much: too many jobs, or too many bytes.
        case ofAll(Leaving, isOfBytes: Bool)
        /// This client has its share.
        case ofClient(Leaving)
    }

    let limits: Backlog.Limits
    private(set) var all = Account()
    /// Jobs whose model is not served. They take no room in the queue, so that they keep out no other.
    var waiting = 0
    private var clients: [ByteText: Account] = [:]

    var queued: Load { all.queued }
    var reserved: Load { all.reserved }
    /// How many clients have jobs queued.
    var queueing: Int { clients.values.count { $0.queued.jobs > 0 } }
    /// How many have long ones queued.
    var queueingLong: Int { clients.values.count { $0.queued.long > 0 } }

    init(limits: Backlog.Limits) {
        self.limits = limits
    }

    /// Why so much more of `client` does not fit; nil where it does.
    func shortage(_ load: Load, of client: String) -> Shortage? {
        if !all.hasRoom(load, maxJobs: limits.maxJobs, maxBytes: limits.maxBytes) {
            return .ofAll(
                all.leaving(for: load, maxJobs: limits.maxJobs, maxBytes: limits.maxBytes),
                isOfBytes: all.hasRoom(Load(jobs: load.jobs), maxJobs: limits.maxJobs, maxBytes: .max))
        }
        let share = limits.share(of: client)
        let own = clients[client] ?? Account()
        guard !own.hasRoom(load, maxJobs: share.jobs, maxBytes: share.bytes) else { return nil }
        return .ofClient(own.leaving(for: load, maxJobs: share.jobs, maxBytes: share.bytes))
    }

    mutating func reserve(_ load: Load, of client: String) {
        change(client) { $0.reserved += load }
    }

    mutating func unreserve(_ load: Load, of client: String) {
        change(client) { $0.reserved -= load }
    }

    mutating func enqueue(_ load: Load, of client: String) {
        change(client) { $0.queued += load }
    }

    mutating func dequeue(_ load: Load, of client: String) {
        change(client) { $0.queued -= load }
    }

    /// A queued job has ended, wherever it was.
    mutating func dequeue(_ job: Job) {
        if job.isModelMissing { waiting -= 1 } else { dequeue(job.load, of: job.client) }
    }

    /// A job that was counted as queued waits for its model.
    mutating func setAside(_ load: Load, of client: String) {
        dequeue(load, of: client)
        waiting += load.jobs
    }

    /// Other models are served.
    mutating func apply(_ change: ServedChange) {
        for (client, load) in change.arrived {
            enqueue(Load(load), of: client.text)
            waiting -= load.jobs
        }
        for (client, load) in change.left { setAside(Load(load), of: client.text) }
    }

    /// What is queued is this, and nothing else: others have handed in jobs, and have taken some.
    mutating func resume(_ counts: JobCounts, waiting: Int) {
        self.waiting = waiting
        all.queued = Load()
        clients = clients.compactMapValues { account in
            let left = Account(reserved: account.reserved)
            return left == Account() ? nil : left
        }
        for (client, load) in counts.queuedByClient { enqueue(Load(load), of: client.text) }
    }

    private mutating func change(_ client: String, _ body: (inout Account) -> Void) {
        func isEmptied(_ account: inout Account) -> Bool {
            body(&account)
            return account == Account()
        }
        body(&all)
        let client = ByteText(client)
        // In its place, which is looked for once.
        if isEmptied(&clients[client, default: Account()]) { clients[client] = nil }
    }
}
