import Platform

/// The notes of jobs that a memory store's places have to be told of, with the marks of how far they were.
struct AlertTable: Sendable {
    /// A note, or a mark alone where the job has not ended.
    private struct Entry: Sendable {
        var mark: [UInt8]?
        /// When the job ended.
        var endedAt: MonotonicTime?
        var due: MonotonicTime?
        var tries = 0
    }

    private var entries: [JobID: [ByteText: Entry]] = [:]
    /// The notes of jobs that have ended.
    private(set) var count = 0

    /// Whether a place has to be told of a job.
    func contains(_ job: JobID) -> Bool { entries[job]?.values.contains { $0.endedAt != nil } ?? false }

    mutating func end(_ job: JobID, _ place: String, now: MonotonicTime) {
        var entry = entries[job]?[ByteText(place)] ?? Entry()
        if entry.endedAt == nil { count += 1 }
        (entry.endedAt, entry.due) = (now, now)
        entries[job, default: [:]][ByteText(place)] = entry
    }

    mutating func remove(_ job: JobID) {
        for entry in (entries.removeValue(forKey: job) ?? [:]).values where entry.endedAt != nil { count -= 1 }
    }

    mutating func take(
        for place: String, limit: Int, now: MonotonicTime
    ) -> [(job: JobID, tries: Int, endedAt: MonotonicTime)] {
        let place = ByteText(place)
        let due = entries.compactMap { job, places -> (due: MonotonicTime, job: JobID)? in
            guard let due = places[place]?.due, due <= now else { return nil }
            return (due, job)
        }
        let sorted = due.sorted { ($0.due, $0.job) < ($1.due, $1.job) }
        let newest = AlertNote.newest(of: limit)
        let oldest = sorted.prefix(limit - newest)
        // By their jobs: what was put back is due later than what is new.
        let chosen = oldest + sorted.dropFirst(oldest.count).sorted { $0.job > $1.job }.prefix(newest)
        return chosen.compactMap { _, job in
            guard var entry = entries[job]?[place], let endedAt = entry.endedAt else { return nil }
            entry.tries += 1
            entry.due = now + CallbackTable.lease
            entries[job]?[place] = entry
            return (job, entry.tries, endedAt)
        }
    }

    mutating func settle(_ job: JobID, _ place: String, _ verdict: CallbackVerdict, now: MonotonicTime) {
        let place = ByteText(place)
        guard var entry = entries[job]?[place], entry.endedAt != nil else { return }
        switch verdict {
        case .settled:
            count -= 1
            entries[job]?[place] = nil
            if entries[job]?.isEmpty == true { entries[job] = nil }
            return
        case .retry(let delay): entry.due = now + delay
        case .untried:
            entry.tries -= 1
            entry.due = now + CallbackVerdict.soon
        }
        entries[job]?[place] = entry
    }

    func mark(of job: JobID, _ place: String) -> [UInt8]? { entries[job]?[ByteText(place)]?.mark }

    /// - Parameter isLive: whether the job has not ended, so that a mark may come before its note
    mutating func setMark(_ mark: [UInt8], of job: JobID, _ place: String, isLive: Bool) {
        let place = ByteText(place)
        if entries[job]?[place] == nil {
            guard isLive else { return }
            entries[job, default: [:]][place] = Entry()
        }
        entries[job]?[place]?.mark = mark
    }
}
