import Platform

/// The notes that are on their way, and when each is due.
struct CallbackTable: Sendable {
    /// How long a note that was taken is nobody else's.
    static let lease = Duration.seconds(120)

    struct Entry: Sendable {
        let url: String
        let endedAt: MonotonicTime
        var tries = 0
        var due: MonotonicTime
    }

    private var entries: [JobID: Entry] = [:]
    private var order = SortedDeque<JobTable.Moment>()

    mutating func add(_ job: JobID, url: String, now: MonotonicTime) {
        entries[job] = Entry(url: url, endedAt: now, due: now)
        order.insert(JobTable.Moment(at: now, id: job))
    }

    func contains(_ job: JobID) -> Bool { entries[job] != nil }

    mutating func remove(_ job: JobID) {
        guard let entry = entries.removeValue(forKey: job) else { return }
        order.remove(JobTable.Moment(at: entry.due, id: job))
    }

    /// The notes that are due; they count as tried, and are due again when their lease has run out.
    mutating func take(limit: Int, now: MonotonicTime) -> [(job: JobID, entry: Entry)] {
        var taken: [(job: JobID, entry: Entry)] = []
        while taken.count < limit, let first = order.first, first.at <= now, var entry = entries[first.id] {
            entry.tries += 1
            reschedule(first.id, entry, due: now + Self.lease)
            taken.append((first.id, entry))
        }
        return taken
    }

    mutating func settle(_ job: JobID, _ verdict: CallbackVerdict, now: MonotonicTime) {
        guard var entry = entries[job] else { return }
        switch verdict {
        case .settled: remove(job)
        case .retry(let delay): reschedule(job, entry, due: now + delay)
        case .untried:
            entry.tries -= 1
            reschedule(job, entry, due: now + CallbackVerdict.soon)
        }
    }

    private mutating func reschedule(_ job: JobID, _ entry: Entry, due: MonotonicTime) {
        var entry = entry
        order.remove(JobTable.Moment(at: entry.due, id: job))
        entry.due = due
        entries[job] = entry
        order.insert(JobTable.Moment(at: due, id: job))
    }
}
