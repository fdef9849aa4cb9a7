import Platform

/// The queued jobs that can be claimed, in two lanes: those that are soon done, and apart from them those that take long, so that
/// nobody waits for hours behind a few of these. In each lane those that ran when a process ended go first, so that what ended it
/// is soon found and nobody waits behind one that can't be tried yet; turns are fair by themselves (``FairQueue``).
struct JobLanes: Sendable {
    /// One of the queues.
    struct Line: Sendable {
        var isLong: Bool
        var isSuspect: Bool

        init(isLong: Bool, isSuspect: Bool) { (self.isLong, self.isSuspect) = (isLong, isSuspect) }

        init(of record: JobRecord) {
            self.init(isLong: ClaimLimit.isLong(parts: record.job.parts), isSuspect: record.isSuspect)
        }
    }

    private var short: FairQueue
    private var long: FairQueue
    private var shortSuspects: FairQueue
    private var longSuspects: FairQueue

    init(headStart: Duration) {
        let empty = FairQueue(headStart: headStart)
        (short, long, shortSuspects, longSuspects) = (empty, empty, empty, empty)
    }

    subscript(line: Line) -> FairQueue {
        _read {
            switch (line.isLong, line.isSuspect) {
            case (false, false): yield short
            case (true, false): yield long
            case (false, true): yield shortSuspects
            case (true, true): yield longSuspects
            }
        }
        _modify {
            switch (line.isLong, line.isSuspect) {
            case (false, false): yield &short
            case (true, false): yield &long
            case (false, true): yield &shortSuspects
            case (true, true): yield &longSuspects
            }
        }
    }

    var count: Int { short.count + long.count + suspects }
    var parts: Int { short.parts + long.parts + shortSuspects.parts + longSuspects.parts }
    /// How many ran when a process ended.
    var suspects: Int { shortSuspects.count + longSuspects.count }
    /// Each queue, for those who check them.
    var queues: [FairQueue] { [shortSuspects, longSuspects, short, long] }

    /// The first job of a queue.
    func first(_ line: Line) -> JobID? { self[line].first }

    mutating func insert(_ record: JobRecord) {
        self[Line(of: record)].insert(entry(record), of: record.job.client)
    }

    mutating func remove(_ record: JobRecord) {
        self[Line(of: record)].remove(entry(record), of: record.job.client)
    }

    /// Takes out the first job of a queue.
    mutating func popFirst(_ line: Line) -> JobID? { self[line].popFirst() }

    /// Where a queued job stands in its lane.
    func place(of record: JobRecord) -> FairQueue.Place {
        var line = Line(of: record)
        let place = self[line].place(of: entry(record), client: record.job.client)
        guard !line.isSuspect else { return place }
        line.isSuspect = true
        let before = self[line]
        guard before.count > 0 else { return place }
        return FairQueue.Place(position: before.count + place.position, partsBefore: before.parts + place.partsBefore)
    }

    private func entry(_ record: JobRecord) -> FairQueue.Entry {
        short.entry(
            record.job.id, parts: record.job.parts, priority: record.job.priority, queuedAt: record.insertedAt)
    }
}
