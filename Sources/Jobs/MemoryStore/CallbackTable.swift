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

        /// Where it stands in line: there is one for each receiver, and another one for its notes that failed before.
        var line: Line { Line(receiver: ByteText(CallbackNote.receiver(url)), failed: tries > 0) }
    }

    struct Line: Hashable, Sendable {
        let receiver: ByteText
        let failed: Bool
    }

    private var entries: [JobID: Entry] = [:]
    private var lines: [Line: SortedDeque<JobTable.Moment>] = [:]

    mutating func add(_ job: JobID, url: String, now: MonotonicTime) {
        insert(job, Entry(url: url, endedAt: now, due: now))
    }

    func contains(_ job: JobID) -> Bool { entries[job] != nil }

    mutating func remove(_ job: JobID) {
        guard let entry = entries.removeValue(forKey: job) else { return }
        let line = entry.line
        lines[line]?.remove(JobTable.Moment(at: entry.due, id: job))
        if lines[line]?.isEmpty == true { lines[line] = nil }
    }

    /// The notes that are due and that there is room for; they count as tried, and are due again when their lease has run
    /// out.
    mutating func take(
        limit: Int, within room: CallbackRoom, now: MonotonicTime
    ) -> [(job: JobID, entry: Entry)] {
        let due = lines.flatMap { line, moments in
            let left = min(limit, room.left(to: line.receiver.text, failed: line.failed))
            return moments.elements.prefix(max(0, left)).prefix { $0.at <= now }.map { (moment: $0, line: line) }
        }
        let taken = room.fitting(due.sorted { $0.moment < $1.moment }, limit: limit) {
            ($0.line.receiver.text, $0.line.failed)
        }
        return taken.compactMap { moment, _ in
            guard var entry = entries[moment.id] else { return nil }
            remove(moment.id)
            entry.tries += 1
            entry.due = now + Self.lease
            insert(moment.id, entry)
            return (moment.id, entry)
        }
    }

    mutating func settle(_ job: JobID, _ verdict: CallbackVerdict, now: MonotonicTime) {
        guard var entry = entries[job] else { return }
        remove(job)
        switch verdict {
        case .settled: return
        case .retry(let delay): entry.due = now + delay
        case .untried:
            entry.tries -= 1
            entry.due = now + CallbackVerdict.soon
        }
        insert(job, entry)
    }

    private mutating func insert(_ job: JobID, _ entry: Entry) {
        entries[job] = entry
        lines[entry.line, default: SortedDeque()].insert(JobTable.Moment(at: entry.due, id: job))
    }
}
