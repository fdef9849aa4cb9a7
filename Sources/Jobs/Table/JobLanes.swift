import Platform

/// The queued jobs that can be claimed, in three lanes: those that are soon done; apart from them those that take long, so that
/// nobody waits for hours behind a few of these; and those that one worker does most of and that are said to be short, of which
/// only a few are begun at a time. In each lane those that ran when a process ended go first, so that what ended it
/// is soon found and nobody waits behind one that can't be tried yet; turns are fair by themselves (``FairQueue``).
struct JobLanes: Sendable {
    /// One of the queues.
    struct Line: Sendable {
        var lane: ClaimLimit.Lane
        var isSuspect: Bool

        init(_ lane: ClaimLimit.Lane, isSuspect: Bool) { (self.lane, self.isSuspect) = (lane, isSuspect) }

        init(of record: JobRecord) { self.init(record.lane, isSuspect: record.isSuspect) }
    }

    private var short: FairQueue
    private var serial: FairQueue
    private var long: FairQueue
    private var shortSuspects: FairQueue
    private var serialSuspects: FairQueue
    private var longSuspects: FairQueue

    init(headStart: Duration) {
        let empty = FairQueue(headStart: headStart)
        (short, serial, long) = (empty, empty, empty)
        (shortSuspects, serialSuspects, longSuspects) = (empty, empty, empty)
    }

    subscript(line: Line) -> FairQueue {
        _read {
            switch (line.lane, line.isSuspect) {
            case (.short, false): yield short
            case (.serial, false): yield serial
            case (.long, false): yield long
            case (.short, true): yield shortSuspects
            case (.serial, true): yield serialSuspects
            case (.long, true): yield longSuspects
            }
        }
        _modify {
            switch (line.lane, line.isSuspect) {
            case (.short, false): yield &short
            case (.serial, false): yield &serial
            case (.long, false): yield &long
            case (.short, true): yield &shortSuspects
            case (.serial, true): yield &serialSuspects
            case (.long, true): yield &longSuspects
            }
        }
    }

    var count: Int { short.count + serial.count + long.count + suspects }
    var parts: Int {
        short.parts + serial.parts + long.parts + shortSuspects.parts + serialSuspects.parts + longSuspects.parts
    }
    /// How many ran when a process ended.
    var suspects: Int { shortSuspects.count + serialSuspects.count + longSuspects.count }
    /// Each queue, for those who check them.
    var queues: [FairQueue] { [shortSuspects, serialSuspects, longSuspects, short, serial, long] }

    /// The first job of a queue.
    func first(_ line: Line) -> JobID? { self[line].first }

    mutating func insert(_ record: JobRecord) {
        self[Line(of: record)].insert(entry(record), of: record.job.client)
    }

    mutating func remove(_ record: JobRecord) {
        self[Line(of: record)].remove(entry(record), of: record.job.client)
    }

    /// Goes on with the work that clients have had elsewhere.
    mutating func restore(_ tags: [JobTable.LineTag], served: [ClaimLimit.Lane: Int]) {
        for lane in ClaimLimit.Lane.allCases {
            let own = tags.filter { $0.lane == lane }.map { (ByteText($0.client), $0.tag) }
            self[Line(lane, isSuspect: false)].restore(
                Dictionary(own) { first, _ in first }, served: served[lane] ?? 0)
        }
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
