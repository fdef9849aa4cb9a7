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
        /// The kinds of jobs that one worker does most of.
        package var serialKinds: [String] = []

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
    var ready: JobLanes
    /// The suspects that are tried: nothing else is claimed until each has ended or gone on.
    var tried: Set<JobID> = []
    /// The suspects that have gone on and have not ended.
    var goneOn: Set<JobID> = []
    /// The queued jobs of models that are not.
    var waiting: [ModelID: Set<JobID>] = [:]
    /// The parts of those.
    var waitingParts = 0
    /// All IDs, oldest first.
    var ids = SortedDeque<JobID>()
    /// The IDs of each status, oldest first, as in `JobStatus.allCases`.
    var idsByStatus = Dictionary(uniqueKeysWithValues: JobStatus.allCases.map { ($0, SortedDeque<JobID>()) })
    /// The IDs of each owner's jobs, oldest first.
    var idsByOwner: [ByteText: SortedDeque<JobID>] = [:]
    /// The IDs of the jobs of each model's name, oldest first.
    var idsByModel: [ByteText: SortedDeque<JobID>] = [:]
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
    /// The jobs that have not ended, by model.
    var open = OpenBooks()
    /// The queued jobs by priority and model.
    var books = QueueBooks()
    /// What jobs are billed for that were passed the bill of others, or passed theirs on.
    private var rebilled: [JobID: Int] = [:]
    /// What all ended jobs take.
    var endedBytes = 0
    /// The part of it that must stay until its time: outputs that nobody has fetched.
    var pinnedBytes = 0
    /// What is kept free for the jobs that have not ended.
    package var promisedBytes = 0

    package init(settings: Settings, served: Served = Served()) {
        self.settings = settings
        self.served = served
        ready = JobLanes(headStart: settings.headStart)
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
        record.isSerial = settings.serialKinds.contains { $0.hasBytes(of: new.job.kind) }
        let id = record.job.id
        records[id] = record
        open.add(record.job)
        ids.insert(id)
        if let owner = record.job.owner { idsByOwner[ByteText(owner), default: SortedDeque()].insert(id) }
        idsByModel[ByteText(record.job.model), default: SortedDeque()].insert(id)
        idsByStatus[record.job.status]?.insert(id)
        promisedBytes += record.promisedBytes
        if record.isSuspect { sort(suspect: record) }
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
        if let before = records[id]?.job {
            if before.status != record.job.status {
                idsByStatus[before.status]?.remove(id)
                idsByStatus[record.job.status]?.insert(id)
            }
            open.change(before, to: record.job)
        }
        if record.isSuspect || !tried.isEmpty || !goneOn.isEmpty { sort(suspect: record) }
        records[id] = record
    }

    /// Notes whether a job is tried, or was and has gone on.
    private mutating func sort(suspect record: JobRecord) {
        let id = record.job.id
        tried.remove(id)
        goneOn.remove(id)
        guard record.isSuspect, record.job.status == .running else { return }
        if record.hasGoneOn { goneOn.insert(id) } else { tried.insert(id) }
    }

    /// Removes a job that has ended from all indexes.
    mutating func drop(_ record: JobRecord) {
        let id = record.job.id
        if let last = records[id]?.job { open.remove(last) }
        records[id] = nil
        ids.remove(id)
        idsByStatus[record.job.status]?.remove(id)
        func remove(_ name: String, from index: inout [ByteText: SortedDeque<JobID>]) {
            let name = ByteText(name)
            index[name]?.remove(id)
            if index[name]?.isEmpty == true { index[name] = nil }
        }
        remove(record.job.model, from: &idsByModel)
        if let owner = record.job.owner { remove(owner, from: &idsByOwner) }
    }

    /// Puts a job into the queue.
    mutating func queue(_ record: JobRecord) {
        line(up: record)
        queuedBytes += record.job.inputBytes
        books.add(record)
        if let at = record.overdueAt { deadlines.insert(Moment(at: at, id: record.job.id)) }
    }

    /// Takes a job out of the queue, wherever it stands.
    mutating func unqueue(_ record: inout JobRecord) {
        if isMissingModel(record.job) { unwait(record) } else { ready.remove(record) }
        noteUnqueued(&record)
    }

    /// Keeps the books of a job that is no longer in the queue.
    mutating func noteUnqueued(_ record: inout JobRecord) {
        queuedBytes -= record.job.inputBytes
        books.remove(record)
        if let at = record.overdueAt { deadlines.remove(Moment(at: at, id: record.job.id)) }
        passOnBill(of: &record)
    }

    /// Has a queued job that has the same input billed for this one's part of it, so that the input counts until the last of
    /// them is begun. Who came with one input have one subject, and IDs that follow each other.
    private mutating func passOnBill(of record: inout JobRecord) {
        guard record.job.batch != nil, record.job.inputBytes > 0, !isMissingModel(record.job) else { return }
        let place = ids.rank(of: record.job.id)
        func sharer(at step: Int) -> JobRecord? {
            var place = place + step
            while ids.elements.indices.contains(place), let other = records[ids.elements[place]],
                other.job.subject === record.job.subject
            {
                if other.job.status == .queued, !isMissingModel(other.job) { return other }
                place += step
            }
            return nil
        }
        guard var heir = sharer(at: 1) ?? sharer(at: -1) else { return }
        books.remove(heir)
        heir.job.inputBytes += record.job.inputBytes
        queuedBytes += record.job.inputBytes
        books.add(heir)
        records[heir.job.id] = heir
        record.job.inputBytes = 0
        rebilled[heir.job.id] = heir.job.inputBytes
        rebilled[record.job.id] = 0
    }

    /// What jobs are billed for whose bill has changed since this was asked last, for a store that writes it down.
    package mutating func takeRebilled() -> [JobID: Int] {
        guard !rebilled.isEmpty else { return [:] }
        defer { rebilled = [:] }
        return rebilled
    }
}

/// All that a table knows of one job.
package struct JobRecord: Sendable {
    /// What a record takes beside its output, roughly; so a flood of small results is bounded too.
    static let ownBytes = 1_024

    /// The job as it is shown, without its place in the queue.
    package var job: Job
    /// What to work on; nil where the store keeps it elsewhere, and once the job has ended.
    package var input: JobBody?
    /// The bytes that are kept free for its end.
    package let promise: Int
    /// Who works on it; nil unless it is running.
    package var holder: ClaimToken?
    /// When its claim runs out; nil unless it is running, and where that is not known.
    package var leaseEnd: MonotonicTime?
    /// The claim that ran out, as long as nobody else has had the job since.
    package var lapsed: ClaimToken?
    /// Whether its worker has been told to stop.
    package var isCancelRequested = false
    /// Whether the process ended while it was running, so that it may be what ended it.
    package var isSuspect = false
    /// Whether it is a suspect and has gone on since it was claimed, so that it is no longer tried.
    var hasGoneOn = false
    /// Whether one worker does most of it.
    package var isSerial = false
    /// When it was inserted.
    package let insertedAt: MonotonicTime
    /// When it is too late to begin with it.
    package let overdueAt: MonotonicTime?
    /// When it ended; nil before.
    package var endedAt: MonotonicTime?
    /// What came of it.
    package var output: JobOutput?
    /// Whether somebody has the output.
    var isFetched = false

    /// A job that was not ended when it was last written.
    package init(
        job: Job, input: JobBody?, outputEstimate: Int, insertedAt: MonotonicTime, overdueAt: MonotonicTime?
    ) {
        self.job = job
        self.input = input
        promise = JobRecord.promise(outputEstimate)
        self.insertedAt = insertedAt
        self.overdueAt = overdueAt
    }

    /// Whom it waits with.
    package var lane: ClaimLimit.Lane { ClaimLimit.Lane(parts: job.parts, isSerial: isSerial) }

    /// The bytes it is billed for once it has ended.
    var endedBytes: Int { JobRecord.ownBytes + (output?.body.count ?? 0) }

    /// The bytes that are kept free for it until then.
    var promisedBytes: Int { job.status.isEnded ? 0 : promise }

    /// The bytes that have to be kept free for the end of a job with an output of so many.
    package static func promise(_ outputEstimate: Int) -> Int {
        let (sum, overflow) = outputEstimate.addingReportingOverflow(ownBytes)
        return overflow ? .max : sum
    }
}

extension JobRecord {
    /// The record of a job that is handed in now.
    package init(_ new: NewJob, id: JobID, batch: BatchID?, wall: WallTime, now: MonotonicTime, keepsInput: Bool = true)
    {
        self.init(
            job: Job(new, id: id, createdAt: wall, batch: batch), input: keepsInput ? new.input : nil,
            outputEstimate: new.outputEstimate,
            insertedAt: now, overdueAt: new.deadline.map { now + $0 })
    }
}

extension JobTable {
    /// The job with its place in the queue.
    package func shown(_ record: JobRecord) -> Job {
        var job = record.job
        switch job.status {
        case .queued where isMissingModel(job):
            job.isModelMissing = true
        case .queued:
            let place = ready.place(of: record)
            job.queuePosition = place.position
            job.partsBefore = place.partsBefore
            job.partsAhead = runningParts(before: record, place.partsBefore) + place.partsBefore + job.parts
        case .running:
            job.partsAhead = partsBeforeEnd(ofRunning: job)
        case .succeeded, .failed, .cancelled:
            break
        }
        return job
    }

    /// The job with its place in the queue; nil where the table does not have it.
    package func job(_ id: JobID) -> Job? { records[id].map(shown) }

    /// The job with its place in the queue; nil where it has ended, or the table does not have it. Between the two a store on
    /// disk has not committed the end yet, and nobody may be told of it.
    package func liveJob(_ id: JobID) -> Job? { records[id].flatMap { $0.job.status.isEnded ? nil : shown($0) } }

    func list(_ filter: JobFilter, limit: Int, before cursor: JobID?) -> [Job] {
        var ids = filter.status.flatMap { idsByStatus[$0] } ?? ids
        // Whichever is shortest is looked through.
        for (name, index) in [(filter.owner, idsByOwner), (filter.model, idsByModel)] {
            guard let name else { continue }
            let own = index[ByteText(name)] ?? SortedDeque()
            if own.count <= ids.count { ids = own }
        }
        let end = cursor.map { ids.rank(of: $0) } ?? ids.count
        let found = ids.elements.prefix(end).reversed().lazy.compactMap { records[$0] }.filter { filter.admits($0.job) }
        return found.prefix(max(limit, 0)).map(shown)
    }

    /// How many jobs of a status there are.
    package func counts(_ status: JobStatus) -> Int { idsByStatus[status]?.count ?? 0 }

    package func counts() -> JobCounts {
        func count(_ status: JobStatus) -> Int { idsByStatus[status]?.count ?? 0 }
        var counts = JobCounts()
        counts.queued = count(.queued)
        counts.running = count(.running)
        counts.succeeded = count(.succeeded)
        counts.failed = count(.failed)
        counts.cancelled = count(.cancelled)
        counts.queuedBytes = queuedBytes
        counts.queuedParts = ready.parts + waitingParts
        for id in idsByStatus[.queued]?.elements ?? [] {
            guard let job = records[id]?.job, !isMissingModel(job) else { continue }
            counts.queuedByClient[ByteText(job.client), default: JobCounts.Load()].add(
                bytes: job.inputBytes, parts: job.parts)
        }
        counts.endedBytes = endedBytes
        return counts
    }

    /// The running jobs; there are hardly more than workers.
    private var running: some Sequence<JobRecord> {
        (idsByStatus[.running] ?? SortedDeque()).elements.lazy.compactMap { records[$0] }
    }

    /// The parts of running jobs that are done before a queued job's end, of which so many of others come before it. Those of
    /// another lane go on beside it: long ones take turns with it, and of short ones nobody knows how many will come.
    private func runningParts(before record: JobRecord, _ others: Int) -> Int {
        running.reduce(0) { sum, other in
            let left = other.job.parts - other.job.partsDone
            if other.lane == record.lane { return sum + left }
            return record.lane == .long ? sum : sum + min(left, others + record.job.parts)
        }
    }

    /// Running jobs take turns, so each other one has done at most as many parts as this one when this one ends.
    private func partsBeforeEnd(ofRunning job: Job) -> Int {
        let own = job.parts - job.partsDone
        return running.reduce(0) { $0 + min($1.job.parts - $1.job.partsDone, own) }
    }
}
