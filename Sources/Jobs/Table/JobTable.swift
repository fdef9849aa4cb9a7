import Platform

/// Jobs and all that may be done with them: values in, values out.
///
/// It reads no clock, makes no ID and knows no lock: the store around it does. A memory store keeps all its jobs in here,
/// a store on disk those that have not ended. A job is found by its ID in `records`; everything else is an index of it
/// (``checkInvariants()`` says how they belong together).
package struct JobTable: Sendable {
    /// What a table goes by.
    package struct Settings: Sendable {
        /// How long an ended job is kept.
        package var resultTTL: Duration
        /// How many bytes ended jobs may take.
        package var resultBudgetBytes: Int
        /// How often a job whose worker was lost is tried.
        package var attempts: Int
        /// How much later a job may come and still go before one of its client that is a priority lower.
        package var headStart = Duration.seconds(300)
        /// How long a claim lasts that nobody renews.
        package var lease: Duration

        package init(
            resultTTL: Duration, resultBudgetBytes: Int, attempts: Int, lease: Duration = JobTable.usualLease
        ) {
            self.lease = lease
            self.resultTTL = resultTTL
            self.resultBudgetBytes = resultBudgetBytes
            self.attempts = attempts
        }
    }

    /// When a job ended, or is too late; in order, the first is the first to look at.
    struct Moment: Comparable, Sendable {
        let at: MonotonicTime
        let id: JobID

        static func < (left: Moment, right: Moment) -> Bool { (left.at, left.id) < (right.at, right.id) }
    }

    /// Long enough for a holder that is busy or was stopped for a moment; a holder that is gone is noticed after that.
    package static let usualLease = Duration.seconds(60)

    package let settings: Settings

    package private(set) var records: [JobID: JobRecord] = [:]
    /// Which models are served.
    package internal(set) var served: Served
    /// The queued jobs of models that are served, in the order of claiming.
    var ready: FairQueue
    /// The queued jobs of models that are not.
    var waiting: [ModelID: Set<JobID>] = [:]
    /// The parts of those.
    var waitingParts = 0
    /// All IDs, oldest first.
    var ids = SortedDeque<JobID>()
    /// The IDs of each status, oldest first, as in `JobStatus.allCases`.
    var idsByStatus = Dictionary(uniqueKeysWithValues: JobStatus.allCases.map { ($0, SortedDeque<JobID>()) })
    /// The ended jobs, the first to expire first.
    var endings = SortedDeque<Moment>()
    /// The queued jobs that have a deadline, the first to be late first.
    var deadlines = SortedDeque<Moment>()
    /// No claim runs out before this.
    var firstLapse = MonotonicTime.distantFuture
    /// The succeeded jobs whose output somebody has, oldest first.
    var fetched = SortedDeque<JobID>()

    /// The bytes of the queued jobs' inputs.
    package var queuedBytes = 0
    /// What all ended jobs take.
    var endedBytes = 0
    /// The part of it that must stay until its time: outputs that nobody has fetched.
    var pinnedBytes = 0
    /// What is kept free for the jobs that have not ended.
    package var promisedBytes = 0

    package init(settings: Settings, served: Served = Served()) {
        self.settings = settings
        self.served = served
        ready = FairQueue(headStart: settings.headStart)
    }

    /// Throws `full` where a result of so many bytes could not be kept beside what can't be given up.
    func checkRoom(forBytes needed: Int) throws(JobStoreError) {
        let held = pinnedBytes + promisedBytes
        guard held <= settings.resultBudgetBytes, needed <= settings.resultBudgetBytes - held else {
            throw .full(neededBytes: needed, heldBytes: held, limitBytes: settings.resultBudgetBytes)
        }
    }

    /// Adds a job that is queued or running, and gives it as it is then: one of unknown model has got one if it can.
    @discardableResult
    package mutating func add(_ new: JobRecord) -> JobRecord {
        assert(!new.job.status.isEnded && records[new.job.id] == nil)
        var record = new
        if record.job.status == .queued { _ = adopt(&record.job) }
        let id = record.job.id
        records[id] = record
        ids.insert(id)
        idsByStatus[record.job.status]?.insert(id)
        promisedBytes += record.promisedBytes
        switch record.job.status {
        case .queued: queue(record)
        // What it has of its lease is not known: that begins with the next look.
        default: firstLapse = min(firstLapse, record.leaseEnd ?? MonotonicTime(nanoseconds: .min))
        }
        return record
    }

    /// The record's job moves on to `status`, and its indexes with it.
    func moved(_ record: JobRecord, to status: JobStatus) -> JobRecord {
        assert(record.job.status.canBecome(status), "\(record.job.status) cannot become \(status)")
        var record = record
        record.job.status = status
        record.job.revision += 1
        return record
    }

    /// Writes back a record whose status may have changed.
    mutating func store(_ record: JobRecord) {
        let id = record.job.id
        if let before = records[id]?.job.status, before != record.job.status {
            idsByStatus[before]?.remove(id)
            idsByStatus[record.job.status]?.insert(id)
        }
        records[id] = record
    }

    /// Removes a job that has ended from all indexes.
    mutating func drop(_ record: JobRecord) {
        let id = record.job.id
        records[id] = nil
        ids.remove(id)
        idsByStatus[record.job.status]?.remove(id)
    }

    /// Puts a job into the queue.
    mutating func queue(_ record: JobRecord) {
        line(up: record)
        queuedBytes += record.job.inputBytes
        if let at = record.overdueAt { deadlines.insert(Moment(at: at, id: record.job.id)) }
    }

    /// Takes a job out of the queue, wherever it stands.
    mutating func unqueue(_ record: JobRecord) {
        if isMissingModel(record.job) { unwait(record) } else { ready.remove(entry(record), of: record.job.client) }
        noteUnqueued(record)
    }

    /// Keeps the books of a job that is no longer in the queue.
    mutating func noteUnqueued(_ record: JobRecord) {
        queuedBytes -= record.job.inputBytes
        if let at = record.overdueAt { deadlines.remove(Moment(at: at, id: record.job.id)) }
    }

    /// The record's place in the queue.
    func entry(_ record: JobRecord) -> FairQueue.Entry {
        ready.entry(
            record.job.id, parts: record.job.parts, priority: record.job.priority, queuedAt: record.insertedAt)
    }
}
