/// The jobs of a memory store and all that may be done with them: values in, values out.
///
/// It reads no clock, makes no ID and knows no lock: the ``MemoryJobStore`` around it does. A job is found by its ID in
/// `records`; everything else is an index of it (``checkInvariants()`` says how they belong together).
struct JobTable: Sendable {
    /// When a job ended; in order, the first is the first to expire.
    struct Ending: Comparable, Sendable {
        let at: MonotonicTime
        let id: JobID

        static func < (left: Ending, right: Ending) -> Bool { (left.at, left.id) < (right.at, right.id) }
    }

    let settings: MemoryJobStore.Settings

    var records: [JobID: JobRecord] = [:]
    /// The queued jobs, in the order of claiming.
    var ready = ReadyQueue()
    /// All IDs, oldest first.
    var ids = SortedDeque<JobID>()
    /// The IDs of each status, oldest first, as in `JobStatus.allCases`.
    var idsByStatus = Dictionary(uniqueKeysWithValues: JobStatus.allCases.map { ($0, SortedDeque<JobID>()) })
    /// The ended jobs, the first to expire first.
    var endings = SortedDeque<Ending>()
    /// The succeeded jobs whose output somebody has, oldest first.
    var fetched = SortedDeque<JobID>()

    /// The bytes of the queued jobs' inputs.
    var queuedBytes = 0
    /// What all ended jobs take.
    var endedBytes = 0
    /// The part of it that must stay until its time: outputs that nobody has fetched.
    var pinnedBytes = 0
    /// What is kept free for the jobs that have not ended.
    var promisedBytes = 0

    init(settings: MemoryJobStore.Settings) {
        self.settings = settings
    }

    /// Throws `full` where a result of so many bytes could not be kept beside what can't be given up.
    func checkRoom(forBytes needed: Int) throws(JobStoreError) {
        let held = pinnedBytes + promisedBytes
        guard held <= settings.resultBudgetBytes, needed <= settings.resultBudgetBytes - held else {
            throw .full(neededBytes: needed, heldBytes: held, limitBytes: settings.resultBudgetBytes)
        }
    }

    /// Adds a queued job, unless there would be no room for its result.
    mutating func insert(
        _ new: NewJob, id: JobID, wall: WallTime, now: MonotonicTime
    ) throws(JobStoreError) -> Job {
        let needed = JobRecord.promisedBytes(new)
        try checkRoom(forBytes: needed)
        let record = JobRecord(job: Job(new, id: id, createdAt: wall), new: new, insertedAt: now)
        records[id] = record
        ids.insert(id)
        idsByStatus[.queued]?.insert(id)
        promisedBytes += needed
        queue(record)
        return shown(record)
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

    /// Puts a job into the queue.
    mutating func queue(_ record: JobRecord) {
        ready.insert(record.job.id, parts: record.job.parts, priority: record.job.priority)
        queuedBytes += record.new?.input.bytes ?? 0
    }

    /// Takes a job out of the queue, wherever it stands.
    mutating func unqueue(_ record: JobRecord) {
        ready.remove(record.job.id, parts: record.job.parts, priority: record.job.priority)
        queuedBytes -= record.new?.input.bytes ?? 0
    }
}
