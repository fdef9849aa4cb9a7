public import Jobs
public import Logging
public import Platform
import Synchronization

/// Jobs in a PostgreSQL database, which any number of servers share: any of them takes a job, any does it, any answers for it.
///
/// What a function returned is committed. What may be done with a job is decided by one statement each, by the database's clock;
/// `LiveView` tells by a `JobTable` where jobs stand in the queue.
public final class PostgresJobStore: JobStore {
    /// What an operator can set; the same for all servers of a database.
    public struct Settings: Sendable {
        /// How long an ended job is kept.
        public var resultTTL = Duration.seconds(86_400)
        /// How long an input is kept after its job has ended, at least.
        public var uploadTTL = Duration.zero
        /// How often a job whose worker was lost is tried.
        public var attempts = 3
        /// The kinds of jobs that one worker does most of.
        public var serialKinds: [String] = []
        /// How long a claim lasts that nobody renews.
        public var lease = Duration.seconds(30)
        /// How many connections this server has at most.
        public var connections = 8
        /// The bytes of inputs that came to this server and are held in memory too.
        public var cacheBytes = 64 << 20
        /// The bytes that may be kept of what was made of files; the oldest go first.
        public var madeBytes = 1 << 30
        /// How long a look at the queue is good for telling where a job stands in it.
        public var viewAge = Duration.milliseconds(250)
        /// Whether nothing is taken while no standby has what is committed.
        public var requiresSynchronous = false
        /// By which this server is told from others.
        public var server = "vigil"
        /// The version of this Vigil.
        public var version = ""
        /// Told of each call to the database that was committed: how long it took, and how many steps shared it. It must not
        /// block.
        public var committed: (@Sendable (_ time: Duration, _ steps: Int) -> Void)?
        /// Whether the clock that is given counts and not the database's, as in tests.
        var isTimeGiven = false

        /// The defaults.
        public init() {}
    }

    /// What the database knows of a running job's progress, or is being told.
    struct ToldProgress: Sendable {
        var at: MonotonicTime
        var standing = ClaimStanding.held
        var isTelling = true
    }

    /// How many jobs have ended, as they were counted at a moment.
    struct EndedCounts: Sendable {
        let counts: [JobStatus: (jobs: Int, bytes: Int)]
        let at: MonotonicTime
        /// How long that took.
        let took: Duration
    }

    /// What is known of the database's clock and of this server's part in it.
    struct Own: Sendable {
        var models: OwnModels
        /// What has to be added to this machine's time of day for the database's.
        var wallOffset: Int64 = 0
        /// What this server is at.
        var activity = ServerActivity()
        var standing: (found: SharedStanding?, at: MonotonicTime)?
        var generator = JobIDGenerator()
        /// The jobs that ended in passing, until somebody is told.
        var overdue: [Job] = []
        /// Which try of a note is this server's.
        var notes: [JobID: Int] = [:]
        var ended: EndedCounts?
        /// What was last seen of standbys, where one is required.
        var standbys: (found: Standbys, at: MonotonicTime)?
        var waitingCallbacks = 0
        var waitingAlerts = 0
        var nextHousekeeping = MonotonicTime(nanoseconds: .min)
        /// What was told of the progress of the jobs that run here, and what came of it.
        var progress: [ClaimToken: ToldProgress] = [:]
        /// Whether workers note what they begin with.
        var hasWorkLog = false
        /// Where they note it.
        weak var begun: BegunJobs?
    }

    let pool: ConnectionPool
    /// For what may not wait behind large bodies: claims that last, looks at what has changed.
    let keeper: ConnectionPool
    /// For what only looks, and may not wait behind commits that wait for a standby, where one is required.
    let looker: ConnectionPool
    let settings: Settings
    let table: JobTable.Settings
    let clock: any JobClock
    let time: StoreTime
    let logger: Logger
    let random: Mutex<any RandomNumberGenerator & Sendable>
    let own: Mutex<Own>
    let view = Mutex<LiveView?>(nil)
    let inputs: InputCache
    let ends = WaitingWrites<Ending, Job?>()
    let submissions = WaitingWrites<SharedSubmission, Void>()
    /// What it is, for people.
    private let place: String
    private let isClosed = Atomic(false)

    /// Opens the store: brings the database's tables up to date, and tells the other servers of this one.
    ///
    /// - Parameters:
    ///   - place: the database
    ///   - settings: what an operator sets
    ///   - clock: what this server's times go by
    ///   - random: where IDs and tokens come from
    ///   - logger: what is told of the database, and of what is wrong with it
    public static func open(
        _ place: ConnectionPlace, settings: Settings = Settings(), clock: any JobClock = SystemClock(),
        random: any RandomNumberGenerator & Sendable = SystemRandom(), logger: Logger = Logger(label: "vigil.store")
    ) async throws(JobStoreError) -> PostgresJobStore {
        do throws(PostgresError) {
            try place.check()
            let store = PostgresJobStore(place, settings, clock, random, logger)
            do throws(PostgresError) {
                try await store.begin()
                return store
            } catch {
                store.closePools()
                throw error
            }
        } catch { throw error.told }
    }

    private init(
        _ place: ConnectionPlace, _ settings: Settings, _ clock: any JobClock,
        _ random: any RandomNumberGenerator & Sendable, _ logger: Logger
    ) {
        self.settings = settings
        self.clock = clock
        self.logger = logger
        time = settings.isTimeGiven ? StoreTime(only: clock) : StoreTime(by: clock)
        let looksApart = settings.requiresSynchronous && settings.connections > 2
        pool = ConnectionPool(
            place, most: max(settings.connections - (looksApart ? 2 : 1), 1), done: settings.committed)
        keeper = ConnectionPool(place, most: 1)
        looker = looksApart ? ConnectionPool(place, most: 1) : keeper
        self.place = place.description
        var table = JobTable.Settings(
            resultTTL: settings.resultTTL, resultBudgetBytes: .max, attempts: settings.attempts, lease: settings.lease)
        table.serialKinds = settings.serialKinds
        self.table = table
        inputs = InputCache(limit: settings.cacheBytes)
        var random = random
        let server = (0..<2).flatMap { _ in withUnsafeBytes(of: random.next() as UInt64) { Array($0) } }
        self.random = Mutex(random)
        own = Mutex(
            Own(models: OwnModels(models: .every, missing: .wait, server: server, lease: settings.lease)))
    }

    deinit { closePools() }

    private func closePools() { for pool in [pool, keeper, looker] { pool.close() } }

    private func begin() async throws(PostgresError) {
        let (settings, clock, time) = (settings, clock, time)
        let begun: (offset: Int64, last: JobID?, waiting: [Int], steps: Migration.Standing, version: Int) =
            try await pool.run { session throws(PostgresError) in
                let standing = try Migration(session: session, vigil: settings.version).run()
                let answers = try session.run([
                    Statement("WITH \(StoreTime.table) SELECT wall FROM t", time.values),
                    Statement("SELECT id FROM jobs ORDER BY id DESC LIMIT 1"),
                    Self.waiting,
                ])
                let wall = try answers[0].first?.int(0) ?? clock.wall.milliseconds
                let partitions = Partitions(session: session)
                try partitions.make(at: WallTime(milliseconds: wall))
                return (
                    wall - clock.wall.milliseconds, try answers[1].first?.id(0), try Self.counts(answers[2]),
                    standing, session.connection.serverVersion
                )
            }
        if begun.steps.isNewer {
            logger.notice("the database has tables of a newer Vigil, which this one leaves as they are")
        }
        own.withLock { own in
            own.wallOffset = time.isGiven ? 0 : begun.offset
            if let last = begun.last { own.generator = JobIDGenerator(after: last) }
            (own.waitingCallbacks, own.waitingAlerts) = (begun.waiting[0], begun.waiting[1])
        }
        try await heartbeat()
        logger.info(
            "the store is open",
            metadata: [
                "database": "\(place)", "postgresql": "\(begun.version / 10_000)",
                "steps": .stringConvertible(begun.steps.steps), "new_steps": .stringConvertible(begun.steps.done),
                "clock_ahead_ms": .stringConvertible(begun.offset),
            ])
    }

    /// What it is, for health checks.
    public var summary: String { "in PostgreSQL at \(place)" }

    /// Jobs outlast the process.
    public var isLasting: Bool { true }

    /// Other servers have part in it.
    public var isShared: Bool { true }

    /// How long a claim lasts that nobody renews.
    public var lease: Duration { settings.lease }

    /// How many callbacks wait, as it was counted lately.
    public var waitingCallbacks: Int? { own.withLock { max($0.waitingCallbacks, 0) } }

    /// How many notes wait to be told to places, as it was counted lately.
    public var waitingAlerts: Int? { own.withLock { max($0.waitingAlerts, 0) } }

    /// Counts the callbacks that wait, and the notes for places.
    static let waiting = Statement(
        "SELECT (SELECT count(*) FROM callbacks), (SELECT count(*) FROM alerts WHERE due IS NOT NULL)")

    static func counts(_ rows: Rows) throws(PostgresError) -> [Int] {
        [try rows.first?.count(0) ?? 0, try rows.first?.count(1) ?? 0]
    }

    /// Tells the other servers that this one leaves, and ends its connections.
    public func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let server = own.withLock { $0.models.server }
        let areHeld = areCommitsHeld
        if !areHeld {
            _ = try? await keeper.run { session throws(PostgresError) in
                try session.run("DELETE FROM servers WHERE id = $1::bytea", [.blob(server)])
            }
        }
        closePools()
    }

    /// The database's time of day, as far as it is known here.
    var wall: WallTime {
        let offset = own.withLock { $0.wallOffset }
        return WallTime(milliseconds: clock.wall.milliseconds + offset)
    }

    /// Tells the other servers that this one is there, and what it serves.
    func heartbeat() async throws(PostgresError) {
        let (models, time) = (own.withLock { $0.models }, time)
        let note = presence
        _ = try await keeper.run(isRepeatable: true) { session throws(PostgresError) in
            try session.run([models.heartbeat(time, note)])
        }
    }

    /// What the others are told of this server.
    var presence: Presence {
        Presence(name: settings.server, version: settings.version, activity: own.withLock { $0.activity })
    }

    /// What this server serves.
    var models: OwnModels { own.withLock { $0.models } }

    /// One call to the database, whose error is what the store's callers get.
    func call<Value: Sendable>(
        on pool: ConnectionPool? = nil, isRepeatable: Bool = false,
        _ body: @escaping @Sendable (Session) throws(PostgresError) -> Value
    ) async throws(JobStoreError) -> Value {
        do throws(PostgresError) { return try await (pool ?? self.pool).run(isRepeatable: isRepeatable, body) } catch {
            throw error.told
        }
    }
}
