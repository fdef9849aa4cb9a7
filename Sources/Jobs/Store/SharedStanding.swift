/// What a server is at, as it tells the others.
public struct ServerActivity: Sendable, Equatable {
    /// Threads that do jobs.
    public var workers = 0
    /// The jobs in its hands.
    public var running = 0
    /// Whether it takes no further jobs, and will leave.
    public var isDraining = false

    package init(workers: Int = 0, running: Int = 0, isDraining: Bool = false) {
        (self.workers, self.running, self.isDraining) = (workers, running, isDraining)
    }
}

/// Who has part in a store that is shared, and how the database fares that has it.
public struct SharedStanding: Sendable, Equatable {
    /// A server that has said that it is there.
    public struct Server: Sendable, Equatable {
        /// What it is called.
        public let name: String
        /// Its version of Vigil; empty where it did not say so.
        public let version: String
        /// Since when it is there.
        public let startedAt: WallTime
        /// How long ago it last said so.
        public let silent: Duration
        /// What it was at then.
        public let activity: ServerActivity
        /// Whether it is the one that was asked.
        public let isSelf: Bool

        package init(
            name: String, version: String, startedAt: WallTime, silent: Duration, activity: ServerActivity, isSelf: Bool
        ) {
            (self.name, self.version, self.startedAt) = (name, version, startedAt)
            (self.silent, self.activity, self.isSelf) = (silent, activity, isSelf)
        }
    }

    /// What holds a database up, as far as it can be seen.
    public struct Pressure: Sendable, Equatable {
        /// Whether other users' transactions and standbys are seen.
        public var isSeen = false
        /// How many transactions ago the oldest began that somebody still sees, so that no row since is removed.
        public var snapshotAge = 0
        /// For how long the oldest transaction lasts.
        public var oldestTransaction = Duration.zero
        /// Replication slots.
        public var slots = 0
        /// Those of them that nobody reads.
        public var idleSlots = 0
        /// The log that is kept for the one that is furthest behind.
        public var slotBytes = 0
        /// Rows of jobs that are dead and take room.
        public var deadRows = 0
        /// The synchronous standbys that are in sync.
        public var synchronousStandbys = 0

        package init() {}
    }

    /// The servers, the one that spoke last first.
    public let servers: [Server]
    /// How long a server is there that says nothing.
    public let patience: Duration
    /// How the database fares.
    public let pressure: Pressure

    package init(servers: [Server], patience: Duration, pressure: Pressure) {
        (self.servers, self.patience, self.pressure) = (servers, patience, pressure)
    }

    /// Whether a server has been silent for so long that others take its jobs.
    public func isSilent(_ server: Server) -> Bool { server.silent > patience }
}

extension JobStore {
    /// There are no others.
    public func present(_ activity: ServerActivity) {}

    /// There are no others.
    public func standing() async throws(JobStoreError) -> SharedStanding? { nil }
}

extension Backlog {
    /// What this server is at.
    var activity: ServerActivity {
        let (workers, isAccepting, inHand) = state.withLock { ($0.rate.workers, $0.isAccepting, $0.inHand) }
        return ServerActivity(workers: workers, running: inHand(), isDraining: !isAccepting)
    }

    /// Who has part in the store; nil where nobody else has, and where that can't be found out.
    public func standing() async -> SharedStanding? { (try? await store.standing()) ?? nil }
}
