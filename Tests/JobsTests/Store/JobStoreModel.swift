import Jobs
import Platform

/// What a store should do, said as simply as can be: a list of jobs and no index.
struct JobStoreModel {
    struct Entry: Equatable {
        let id: JobID
        let priority: Priority
        let parts: Int
        /// When it would have come had it been of the lowest priority.
        let place: MonotonicTime
        var status = JobStatus.queued
        var attempt = 0
        var partsDone = 0
        var token: ClaimToken?
        /// When the claim runs out.
        var leaseEnd: MonotonicTime?
        /// The claim that ran out, as long as nobody else has had the job.
        var lapsed: ClaimToken?
        var isCancelRequested = false
        /// Whether a process ended while it ran.
        var isSuspect = false
        /// Whether it is a long suspect that has gone on since it was claimed.
        var hasGoneOn = false
        var isLong: Bool { parts >= 2_000 }
        var endedAt: MonotonicTime?
        var hasOutput = false
        var batch: BatchID?
        /// When it is too late to begin.
        var overdueAt: MonotonicTime?
        var hasCallback = false
        var note: Note?
        var model = ModelID(name: "tiny", sha256: nil)
    }

    /// That a job has ended, on its way.
    struct Note: Equatable {
        var tries = 0
        var due: MonotonicTime
        var isTaken = false
    }

    let attempts: Int
    let resultTTL: Duration
    let lease: Duration
    /// Oldest first.
    var entries: [Entry] = []
    /// The names of the models that are served, by their digests; nil for every model.
    var served: [String: String]?
    var missing = MissingModel.wait
    /// What each key came with first.
    var keys: [String: [JobID]] = [:]

    mutating func insert(_ jobs: [Job], _ new: NewJob, now: MonotonicTime) {
        for job in jobs {
            let place = now + .seconds(-300 * job.priority.rawValue)
            var entry = Entry(id: job.id, priority: job.priority, parts: job.parts, place: place)
            entry.batch = job.batch
            entry.overdueAt = new.deadline.map { now + $0 }
            entry.hasCallback = new.callback != nil
            entry.model = ModelID(name: new.model, sha256: new.modelSHA256 ?? digest(named: new.model))
            entries.append(entry)
        }
    }

    private func digest(named name: String) -> String? { served?.filter { $0.value == name }.keys.min() }

    /// Whether a job of this model can be claimed.
    func isServed(_ model: ModelID) -> Bool {
        guard let served else { return true }
        return model.sha256.map { served[$0] != nil } ?? false
    }

    /// The queued jobs that can be claimed, or those that wait for their model.
    func queued(claimable: Bool) -> [Entry] {
        entries.filter { $0.status == .queued && isServed($0.model) == claimable }
    }

    mutating func serve(_ models: [String: String], missing: MissingModel) {
        served = models
        self.missing = missing
        for entry in entries where !entry.status.isEnded && entry.model.sha256 == nil {
            let model = ModelID(name: entry.model.name, sha256: digest(named: entry.model.name))
            change(entry.id) { $0.model = model }
        }
    }

    /// The jobs that a key stands for, none where it is free.
    func answer(to key: String) -> [JobID] {
        (keys[key] ?? []).filter { id in entries.contains { $0.id == id } }
    }

    /// The notes that are due, in their order.
    mutating func take(limit: Int, now: MonotonicTime) -> [JobID] {
        let due = entries.compactMap { entry in entry.note.map { (due: $0.due, id: entry.id) } }.filter {
            $0.due <= now
        }
        let taken = due.sorted { ($0.due, $0.id) < ($1.due, $1.id) }.prefix(limit).map(\.id)
        for id in taken {
            change(id) { entry in
                entry.note?.tries += 1
                entry.note?.due = now + .seconds(120)
                entry.note?.isTaken = true
            }
        }
        return taken
    }

    mutating func settle(_ id: JobID, retryAt due: MonotonicTime?) {
        change(id) { entry in
            guard let note = entry.note else { return }
            entry.note = due.map { Note(tries: note.tries, due: $0) }
        }
    }

    /// The IDs that a claim has to give, in order.
    mutating func claim(_ claimed: [ClaimedJob], limit: Int, now: MonotonicTime) -> [JobID] {
        var waiting = queued(claimable: true).sorted { ($0.place, $0.id) < ($1.place, $1.id) }
        var running = entries.filter { $0.status == .running }
        var expected: [JobID] = []
        while expected.count < limit {
            // A suspect is tried alone, until it has ended or, where it is long, has gone on.
            if running.contains(where: { $0.isSuspect && !$0.hasGoneOn }) { break }
            let hasGoneOn = running.contains(where: \.hasGoneOn)
            let orders: [(Entry) -> Bool] = [
                { $0.isSuspect && !$0.isLong }, { $0.isSuspect && $0.isLong && !hasGoneOn },
                { !$0.isSuspect && $0.isLong }, { !$0.isSuspect && !$0.isLong },
            ]
            guard let place = orders.lazy.compactMap({ waiting.firstIndex(where: $0) }).first else { break }
            running.append(waiting[place])
            expected.append(waiting.remove(at: place).id)
        }
        let end = now + lease
        for job in claimed {
            change(job.id) { entry in
                entry.status = .running
                entry.attempt += 1
                entry.partsDone = 0
                entry.token = job.token
                entry.leaseEnd = end
                entry.lapsed = nil
            }
        }
        return expected
    }

    /// Whether the token is good.
    func isHeld(_ token: ClaimToken) -> Bool { entries.contains { $0.token == token } }

    /// Whether the token is good for an end.
    func canEnd(_ token: ClaimToken) -> Bool { entries.contains { $0.token == token || $0.lapsed == token } }

    mutating func renew(_ token: ClaimToken, now: MonotonicTime) -> ClaimStanding {
        guard let entry = entries.first(where: { $0.token == token || $0.lapsed == token }) else { return .lost }
        let end = now + lease
        change(entry.id) { entry in
            entry.status = .running
            entry.token = token
            entry.lapsed = nil
            entry.leaseEnd = end
        }
        return entry.isCancelRequested ? .cancelRequested : .held
    }

    /// Gives back what nobody renewed, and says what that was.
    mutating func lapse(now: MonotonicTime) -> Set<JobID> {
        var lapsed: Set<JobID> = []
        for entry in entries {
            guard let token = entry.token, let end = entry.leaseEnd, end <= now else { continue }
            lapsed.insert(entry.id)
            release(token, .lost, now: now)
            change(entry.id) { if $0.status == .queued { $0.lapsed = token } }
        }
        return lapsed
    }

    mutating func progress(_ token: ClaimToken, _ partsDone: Int) -> ClaimStanding {
        if entries.contains(where: { $0.lapsed == token }) { return .held }
        guard let entry = entries.first(where: { $0.token == token }) else { return .lost }
        change(entry.id) { entry in
            entry.partsDone = max(entry.partsDone, min(partsDone, entry.parts))
            if entry.isSuspect, entry.isLong, entry.partsDone > 0 { entry.hasGoneOn = true }
        }
        return entry.isCancelRequested ? .cancelRequested : .held
    }

    mutating func complete(_ token: ClaimToken, _ outcome: JobOutcome, now: MonotonicTime) {
        guard let entry = entries.first(where: { $0.token == token || $0.lapsed == token }) else { return }
        end(entry.id, as: entry.isCancelRequested ? .cancelled : outcome.status, now: now)
    }

    mutating func release(_ token: ClaimToken, _ release: Release, now: MonotonicTime) {
        guard let entry = entries.first(where: { $0.token == token }) else { return }
        if entry.isCancelRequested {
            end(entry.id, as: .cancelled, now: now)
        } else if release == .lost, entry.attempt >= attempts {
            end(entry.id, as: .failed, now: now)
        } else {
            change(entry.id) { entry in
                entry.status = .queued
                entry.attempt -= release == .unspent ? 1 : 0
                entry.partsDone = 0
                entry.hasGoneOn = false
                entry.token = nil
                entry.leaseEnd = nil
            }
        }
    }

    mutating func cancel(_ id: JobID, now: MonotonicTime) {
        switch entries.first(where: { $0.id == id })?.status {
        case .queued: end(id, as: .cancelled, now: now)
        case .running: change(id) { $0.isCancelRequested = true }
        default: break
        }
    }

    /// Whether there was something to forget.
    mutating func forget(_ id: JobID) -> Bool {
        let before = entries.count
        entries.removeAll { $0.id == id && $0.status.isEnded }
        return entries.count < before
    }

    /// Removes what has expired, and gives the jobs that were too late to be begun, or not to wait for their model.
    mutating func expire(now: MonotonicTime) -> Set<JobID> {
        let unwanted = missing == .fail ? queued(claimable: false).map(\.id) : []
        let late = Set(
            entries.filter { $0.status == .queued && $0.overdueAt.map { $0 <= now } == true }.map(\.id) + unwanted)
        for id in late { end(id, as: .failed, now: now) }
        entries.removeAll { entry in entry.note == nil && entry.endedAt.map { now - $0 >= resultTTL } == true }
        return late
    }

    private mutating func end(_ id: JobID, as status: JobStatus, now: MonotonicTime) {
        change(id) { entry in
            entry.status = status
            if status == .succeeded { entry.partsDone = entry.parts }
            entry.hasOutput = status == .succeeded
            entry.token = nil
            entry.leaseEnd = nil
            entry.lapsed = nil
            entry.endedAt = now
            if entry.hasCallback { entry.note = Note(due: now) }
        }
    }

    private mutating func change(_ id: JobID, _ body: (inout Entry) -> Void) {
        guard let index = entries.firstIndex(where: { $0.id == id }) else { return }
        body(&entries[index])
    }

    /// What another process finds.
    mutating func crash(now: MonotonicTime) {
        for entry in entries where entry.status == .running {
            change(entry.id) { entry in
                entry.isSuspect = true
                // How far it was was known to the process alone.
                entry.partsDone = 0
            }
            if let token = entry.token { release(token, .lost, now: now) }
        }
        for entry in entries where entry.lapsed != nil { change(entry.id) { $0.lapsed = nil } }
        for entry in entries where entry.note?.isTaken == true {
            change(entry.id) { entry in
                entry.note?.isTaken = false
                entry.note?.due = now
            }
        }
    }
}
