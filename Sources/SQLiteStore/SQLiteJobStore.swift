public import Jobs
public import Logging
public import Platform
import Synchronization

/// Jobs on disk, in a SQLite database and files beside it, for one process at a time.
///
/// What a function returned is committed. The jobs that have not ended are in memory too, as a `JobTable`, which decides
/// who may do what, just as for jobs in memory; each of its steps is written in the transaction that it belongs to. Jobs
/// that have ended are on the disk alone, so that any number of them costs no memory and no time at the start.
public final class SQLiteJobStore: JobStore {
    /// What an operator can set.
    public struct Settings: Sendable {
        /// How sure a commit is.
        public enum Durability: String, Sendable, CaseIterable {
            /// It outlasts a loss of power.
            case full
            /// It outlasts the end of the process; a loss of power can take the last ones.
            case normal
        }

        /// How long an ended job is kept.
        public var resultTTL = Duration.seconds(86_400)
        /// How long an input is kept after its job has ended; by default it goes at once.
        public var uploadTTL = Duration.zero
        /// How often a job whose worker was lost is tried.
        public var attempts = 3
        /// The kinds of jobs that one worker does most of.
        public var serialKinds: [String] = []
        /// How long a claim lasts that nobody renews.
        public var lease = JobTable.usualLease
        /// How sure a commit is.
        public var durability = Durability.full
        /// Whether a time of day that has gone on for more than a day since the store was last written to is right, so that
        /// what has expired by it is removed at once, not only after a day.
        public var believesClock = false
        /// The bytes that may be put beside jobs in all.
        public var remarkBytes = 256 << 20
        /// The bytes of queued inputs that are held in memory too.
        public var cacheBytes = 64 << 20
        /// Told of each transaction that was committed: how long it took, and how many steps shared it. Called on the writer's
        /// thread, it must not block.
        public var committed: (@Sendable (_ time: Duration, _ steps: Int) -> Void)?
        /// How the files of large bodies are read.
        var reading = OpenFile.systemRead
        /// How long the ends that nobody waits for let other steps go first.
        var patience = Duration.milliseconds(5)

        /// The defaults.
        public init() {}
    }

    let folder: StateFolder
    let database: StoreDatabase
    let live: LiveBox
    let writer: CommitQueue
    let space: DiskSpace
    let watch: FolderWatch
    let probe: FilesProbe
    let files: BodyFiles
    let threads = WorkThreads(4, name: "vigil-files")
    /// For looks at the folder, which wait for the disk but not for bodies.
    let looks = WorkThreads(1, name: "vigil-folder")
    /// What the log has told of the folder.
    let told = Mutex(Told())
    /// How large the database was at the last look, and what was free.
    let sizes: Mutex<Sizes>
    let inputs: InputCache
    let idle: IdleHands
    let settings: Settings
    let clock: any JobClock
    let logger: Logger
    let random: Mutex<any RandomNumberGenerator & Sendable>
    /// Where workers note what they are at.
    let work = Mutex<WorkFile?>(nil)
    /// The times of both clocks when they were last written down.
    let noted: Mutex<(wall: WallTime, now: MonotonicTime)>
    /// How many transactions there were when the store was last looked after.
    let lookedAfter = Mutex((transactions: 0, broughtIn: MonotonicTime(nanoseconds: 0)))
    /// No fewer bytes than are beside jobs; nil until they are counted.
    let remarkBytes = Mutex<Int?>(nil)
    private let isClosed = Atomic(false)

    /// Opens the store in `folder`, which has no other process on it, and takes back what an earlier one was doing.
    ///
    /// - Parameters:
    ///   - folder: the state folder
    ///   - settings: what can be chosen
    ///   - clock: both times
    ///   - random: where IDs and tokens come from.
    ///   - logger: is told what is unusual
    /// - Throws: `StateError`; what is in the folder is then as it was.
    public init(
        folder: StateFolder,
        settings: Settings = Settings(),
        clock: any JobClock = SystemClock(),
        random: any RandomNumberGenerator & Sendable = SystemRandom(),
        logger: Logger = Logger(label: "vigil.store")
    ) throws(StateError) {
        self.folder = folder
        self.settings = settings
        self.clock = clock
        self.logger = logger
        self.random = Mutex(random)
        noted = Mutex((clock.wall, clock.now))
        files = BodyFiles(folder: folder.places.files, reading: settings.reading)
        probe = FilesProbe(files: files)
        inputs = InputCache(limit: settings.cacheBytes)
        idle = IdleHands(inputs: inputs, clock: clock)
        let places = folder.places
        let whole = try FolderCheck(places).run()
        for note in whole.notes { logger.warning("\(note)", metadata: ["folder": "\(folder.path)"]) }
        try folder.makeFiles()
        space = DiskSpace(folder: folder.path, ballast: places.ballast)
        space.makeRoomToBegin()
        sizes = Mutex(Sizes())
        let isFull = settings.durability == .full
        let keeper = try LogKeeper(places, whole, isFlushed: isFull)
        watch = FolderWatch(places: places, keeper: keeper)
        do {
            database = try StoreDatabase(
                path: places.database, folder: places.folder, synchronous: isFull ? "FULL" : "NORMAL",
                largestLog: space.largestLog, keeper: keeper, watch: watch,
                damage: StoreDamage(folder: folder.path, logger: logger), believesClock: settings.believesClock,
                wall: clock.wall, now: clock.now)
            let last = try database.readNow { try Blob.fetchOne($0, sql: "SELECT max(id) FROM jobs") }
            var table = JobTable.Settings(
                resultTTL: settings.resultTTL, resultBudgetBytes: .max, attempts: settings.attempts,
                lease: settings.lease)
            table.serialKinds = settings.serialKinds
            live = LiveBox(
                LiveJobs(
                    settings: table,
                    generator: JobID(last).map { JobIDGenerator(after: $0) } ?? JobIDGenerator()))
            writer = CommitQueue(
                database: database, live: live, space: space, idle: idle, patience: settings.patience,
                committed: settings.committed)
            try database.reload(into: live)
            try takeBack()
            // After what takeBack has ended, which it writes past the writer.
            let tally = try database.readNow { try StoreTally($0) }
            live.withLock { live in
                live.tally = tally
                live.tallyToCommit = StoreTally()
            }
            database.checkpointAll()
            folder.removeSeal()
            watch.begin()
            measure()
        } catch let error as StateError {
            throw error
        } catch {
            let reason = StoreFault.reason(of: error)
            if StoreFault.tellsDamage(error) {
                throw .damaged(path: places.database, reason: reason.description)
            }
            if case .diskFull = reason {
                throw .unusable(
                    path: folder.path,
                    reason: "its disk is full: \(DiskSpace.text(space.free)) are free, and a start takes up to "
                        + "\(DiskSpace.text(DiskSpace.toBegin)); make room, and all jobs are there")
            }
            throw .unusable(path: places.database, reason: reason.description)
        }
    }

    deinit { close() }

    /// What it is, for health checks.
    public var summary: String {
        let bytes = sizes.withLock(\.self)
        return
            "in \(folder.path): \(bytes.database >> 10) KiB, log \(database.committedLogBytes >> 10) KiB, \(bytes.free >> 20) MiB free"
    }

    /// The state folder.
    public var folderPath: String { folder.path }

    /// Where in it the files are that whoever hands jobs in keeps for them: what does not begin with a dot is copied with it.
    public var videosPath: String { folder.places.videos }

    /// How long a claim lasts that nobody renews.
    public var lease: Duration { settings.lease }

    /// Jobs outlast the process.
    public var isLasting: Bool { true }

    /// Workers note what they are at in a file, so that jobs which were merely in hand when the process ended are no suspects.
    public func workLog(workers: Int) -> (any WorkLog)? {
        let file = WorkFile(path: folder.places.work, workers: workers)
        work.withLock { $0 = file }
        return file
    }

    /// Brings everything into the database. Nothing can be done with the store afterwards.
    ///
    /// - Returns: what others have done to the folder, or what of it was damaged, and what that means: it is left as it is
    ///   then; nil where it is whole, or was closed before
    @discardableResult
    public func close() -> String? {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return nil }
        writer.close()
        if database.damage.first == nil { database.checkpointAll() }
        let change = database.change(now: true)
        if let reason = change ?? database.logChange ?? database.damage.first?.description {
            // SQLite would bring a damaged log in, and remove one by its name, which can be another's by now.
            logger.error("the state folder is left as it is", metadata: ["change": "\(reason)"])
            database.abandon()
            return reason
                + (change == nil
                    ? ": vigil state check tells more, and vigil state recover copies what can be had"
                    : ": what was not fetched is lost, unless the folder is put back as it was")
        }
        let (wall, now) = (clock.wall, clock.now)
        try? database.write { [database] in try database.writeClock($0, wall: wall, now: now) }
        database.close()
        return nil
    }

    /// Gives the jobs that were running back to the queue, as attempts that count, and sets files aside that are nobody's.
    private func takeBack() throws {
        let (wall, now) = (clock.wall, clock.now)
        let atWork = WorkFile.jobs(at: folder.places.work)
        let running = try database.readNow { db in
            try database.rows(db).jobs(JobRows.live).filter { $0.holder != nil }.map(\.job.id)
        }
        try database.write { db in
            let context = database.context(db, live)
            for id in running {
                let record = live.withLock {
                    $0.table.takeBack(id, wasAtWork: atWork?.contains(id) ?? true, wall: wall, now: now)
                }
                guard let record else { continue }
                if record.job.status.isEnded {
                    logger.warning(
                        "a job has failed",
                        metadata: ["job": "\(id)", "reason": "\(record.job.failure?.reason ?? "")"])
                    try context.end(record, uploadTTL: settings.uploadTTL)
                } else {
                    try context.jobs.update(record)
                }
            }
            try context.callbacks.endLeases(now: database.clock.stored(now))
            try context.alerts.endLeases(now: database.clock.stored(now))
        }
        if let jump = database.jump.withLock(\.self) {
            if jump.isContradicted(by: wall) {
                logger.warning(
                    "the time of day was far ahead before, and is right again: what has expired by that stays",
                    metadata: ["ahead": "\(jump.length / 1_000_000_000) s"])
            } else {
                logger.warning(
                    "the time of day is far ahead of when this folder was last written to: what has expired stays a day",
                    metadata: [
                        "ahead": "\(jump.length / 1_000_000_000) s", "unless": "--believe-clock says that it is right",
                    ])
            }
        }
        let suspects = live.withLock { $0.table.suspects }
        if suspects > 0 {
            logger.notice(
                "jobs that ran when a process ended are tried before all others, one by one",
                metadata: ["jobs": .stringConvertible(suspects)])
        }
        folder.removeWork()
        let strays = try Strays(places: folder.places).setAside(
            keeping: database.readNow { try BodyRows(db: $0).fileNames() }, writtenBefore: folder.lockedAt)
        Strays(places: folder.places).trim(free: space.free)
        let counts = live.withLock { $0.table.counts() }
        logger.info(
            "the store is open",
            metadata: [
                "folder": "\(folder.path)", "database": "\(database.description)",
                "queued": .stringConvertible(counts.queued),
                "taken_back": .stringConvertible(running.count), "strays": .stringConvertible(strays),
            ])
    }
}
