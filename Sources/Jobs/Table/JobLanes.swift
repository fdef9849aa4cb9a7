import Platform

/// The queued jobs that can be claimed, in two lanes: those that are soon done, and apart from them those that take long, so that
/// nobody waits for hours behind a few of these. In each lane turns are fair by themselves (``FairQueue``).
struct JobLanes: Sendable {
    private(set) var short: FairQueue
    private(set) var long: FairQueue

    init(headStart: Duration) {
        short = FairQueue(headStart: headStart)
        long = FairQueue(headStart: headStart)
    }

    var count: Int { short.count + long.count }
    var parts: Int { short.parts + long.parts }
    /// All jobs, each lane's in the order of their turns.
    var order: [JobID] { short.order + long.order }

    func entry(_ id: JobID, parts: Int, priority: Priority, queuedAt time: MonotonicTime) -> FairQueue.Entry {
        short.entry(id, parts: parts, priority: priority, queuedAt: time)
    }

    mutating func insert(_ entry: FairQueue.Entry, of client: String) {
        if ClaimLimit.isLong(parts: entry.parts) {
            long.insert(entry, of: client)
        } else {
            short.insert(entry, of: client)
        }
    }

    mutating func remove(_ entry: FairQueue.Entry, of client: String) {
        if ClaimLimit.isLong(parts: entry.parts) {
            long.remove(entry, of: client)
        } else {
            short.remove(entry, of: client)
        }
    }

    /// Goes on with the work that clients have had elsewhere.
    mutating func restore(_ tags: [JobTable.LineTag], served: (short: Int, long: Int)) {
        func own(isLong: Bool) -> [ByteText: Int] {
            let some = tags.filter { $0.isLong == isLong }
            return Dictionary(some.map { (ByteText($0.client), $0.tag) }) { first, _ in first }
        }
        short.restore(own(isLong: false), served: served.short)
        long.restore(own(isLong: true), served: served.long)
    }

    /// Takes out the first job of a lane.
    mutating func popFirst(isLong: Bool) -> JobID? { isLong ? long.popFirst() : short.popFirst() }

    /// Where a queued job stands in its lane.
    func place(of entry: FairQueue.Entry, client: String) -> FairQueue.Place {
        ClaimLimit.isLong(parts: entry.parts)
            ? long.place(of: entry, client: client) : short.place(of: entry, client: client)
    }
}
