import DequeModule
import Platform

/// The queued jobs in the order in which they will be claimed: fair shares between clients, priorities within one.
///
/// Each client has a line. Whose line is next is start-time fair queueing: a line has a *tag*, the work it has had since
/// it is there, and the line with the smallest tag goes first; taking a job moves the tag on by what the job costs. A
/// line that comes to be begins at the tag that was served last, so nobody saves up a claim by staying away, and a
/// client with one job waits for at most one job of every other client, however many those have.
///
/// A job costs its parts, times four for each priority below high. So where clients compete, one that asks for high has
/// four times the share of one that asks for normal.
///
/// Within a line, a priority is a head start: a job goes before those that came less than ``headStart`` a level before
/// it. A low job is overtaken for so long and no longer, which is its ageing.
package struct FairQueue: Sendable {
    /// What orders a job among those of its client.
    package struct Entry: Comparable, Sendable {
        /// When the job was queued, in nanoseconds of any clock that only goes forward, less its head start.
        let place: Int64
        let id: JobID
        let parts: Int
        let priority: Priority

        /// What taking the job costs its client.
        var cost: Int { parts * (priority == .high ? 1 : priority == .normal ? 4 : 16) }

        package static func < (left: Entry, right: Entry) -> Bool { (left.place, left.id) < (right.place, right.id) }
        package static func == (left: Entry, right: Entry) -> Bool { left.id == right.id }
    }

    struct Line {
        private(set) var entries = SortedDeque<Entry>()
        var tag: Int
        /// What its jobs cost and are made of, all together.
        private(set) var total = Load()

        init(tag: Int) { self.tag = tag }

        mutating func insert(_ entry: Entry) {
            entries.insert(entry)
            total.cost += entry.cost
            total.parts += entry.parts
        }

        mutating func remove(_ entry: Entry) -> Bool {
            guard entries.remove(entry) else { return false }
            total.cost -= entry.cost
            total.parts -= entry.parts
            return true
        }

        /// The sum over the first `rank` jobs, from the end that is nearer.
        func load(before rank: Int) -> Load {
            rank <= entries.count / 2
                ? Load(of: entries.elements.prefix(rank))
                : total.less(Load(of: entries.elements.suffix(entries.count - rank)))
        }

        /// When the first job's turn comes: by tag, then by priority, then by age.
        var turn: Turn? { entries.first.map { Turn(tag: tag, entry: $0) } }
    }

    /// What some jobs cost their client, and their parts.
    struct Load {
        var cost = 0
        var parts = 0

        func less(_ other: Load) -> Load { Load(cost: cost - other.cost, parts: parts - other.parts) }
    }

    /// A job's rank among those of all clients.
    struct Turn: Comparable {
        let tag: Int
        let entry: Entry

        static func < (left: Turn, right: Turn) -> Bool {
            (left.tag, right.entry.priority, left.entry.id) < (right.tag, left.entry.priority, right.entry.id)
        }
    }

    /// How much later a job may come and still go before one that is a level lower.
    let headStart: Duration
    /// One a client that has jobs queued, and those whose tag is still ahead of what was served last.
    private(set) var lines: [ByteText: Line] = [:]
    /// The tag that was served last.
    private var served = 0

    package private(set) var count = 0
    package private(set) var parts = 0

    package init(headStart: Duration) {
        self.headStart = headStart
    }

    /// The place of a job that was queued at `time`.
    func entry(_ id: JobID, parts: Int, priority: Priority, queuedAt time: MonotonicTime) -> Entry {
        let place = time + (.zero - headStart * priority.rawValue)
        return Entry(place: place.nanoseconds, id: id, parts: parts, priority: priority)
    }

    mutating func insert(_ entry: Entry, of client: String) {
        let client = ByteText(client)
        var line = lines.removeValue(forKey: client) ?? Line(tag: served)
        if line.entries.isEmpty { line.tag = max(line.tag, served) }
        line.insert(entry)
        lines[client] = line
        count += 1
        parts += entry.parts
    }

    @discardableResult
    mutating func remove(_ entry: Entry, of client: String) -> Bool { remove(entry, of: ByteText(client)) }

    @discardableResult
    private mutating func remove(_ entry: Entry, of client: ByteText) -> Bool {
        guard lines[client]?.remove(entry) == true else { return false }
        count -= 1
        parts -= entry.parts
        if count == 0 {
            // Nobody waits, so nobody has had more than another.
            lines = [:]
            served = 0
        } else {
            forgetIdle(client)
        }
        return true
    }

    /// Goes on with the work that the lines have had elsewhere, where this one was served last.
    mutating func restore(_ tags: [ByteText: Int], served: Int) {
        self.served = served
        for client in lines.keys { lines[client]?.tag = max(tags[client] ?? served, served) }
    }

    /// The job whose turn it is.
    var first: JobID? { next?.entry.id }

    /// Takes out the job whose turn it is.
    mutating func popFirst() -> JobID? {
        guard let (client, entry) = next else { return nil }
        served = lines[client]?.tag ?? served
        lines[client]?.tag += entry.cost
        remove(entry, of: client)
        if lines.count > mostLines { forgetIdle() }
        return entry.id
    }

    /// More than that are many clients that have gone.
    private var mostLines: Int { 2 * (count + 32) }

    private var next: (client: ByteText, entry: Entry)? {
        var best: (client: ByteText, turn: Turn)?
        for (client, line) in lines {
            guard let turn = line.turn else { continue }
            if let found = best, found.turn < turn { continue }
            best = (client, turn)
        }
        return best.map { ($0.client, $0.turn.entry) }
    }

    /// Clients that have had more than their share and have gone are remembered as long as they are few: ever new ones
    /// would else fill the memory.
    private mutating func forgetIdle() {
        lines = lines.filter { !$1.entries.isEmpty || $1.tag > served }
        if lines.count > mostLines { lines = lines.filter { !$1.entries.isEmpty } }
    }

    /// A line that is empty is kept as long as its client has had more than its share.
    private mutating func forgetIdle(_ client: ByteText) {
        if let line = lines[client], line.entries.isEmpty, line.tag <= served { lines[client] = nil }
    }
}

extension FairQueue {
    /// What lies before a queued job.
    package struct Place: Equatable, Sendable {
        /// 1 for the next one.
        package let position: Int
        /// The parts of the jobs before it.
        package let partsBefore: Int
    }

    /// Where a queued job stands, if nothing came and nothing went.
    func place(of entry: Entry, client: String) -> Place {
        guard let own = lines[client] else { return Place(position: 1, partsBefore: 0) }
        let rank = own.entries.rank(of: entry)
        let before = own.load(before: rank)
        var partsBefore = before.parts
        var position = rank + 1
        let turn = Turn(tag: own.tag + before.cost, entry: entry)
        for (name, line) in lines where !name.text.hasBytes(of: client) {
            let before = line.before(turn)
            position += before.jobs
            partsBefore += before.parts
        }
        return Place(position: position, partsBefore: partsBefore)
    }

    /// All jobs in the order of their turns.
    var order: [JobID] {
        let turns = lines.values.flatMap { line -> [Turn] in
            var tag = line.tag
            return line.entries.elements.map { entry in
                defer { tag += entry.cost }
                return Turn(tag: tag, entry: entry)
            }
        }
        return turns.sorted().map(\.entry.id)
    }

    /// How many clients have jobs queued.
    package var clients: Int { lines.values.count { !$0.entries.isEmpty } }
}

extension FairQueue.Load {
    init(of entries: some Sequence<FairQueue.Entry>) {
        for entry in entries {
            cost += entry.cost
            parts += entry.parts
        }
    }
}

extension FairQueue.Line {
    /// How many of this line's jobs have their turn before `turn`, and their parts.
    fileprivate func before(_ turn: FairQueue.Turn) -> (jobs: Int, parts: Int) {
        var (jobs, parts, tag) = (0, 0, tag)
        for entry in entries.elements {
            guard FairQueue.Turn(tag: tag, entry: entry) < turn else { break }
            jobs += 1
            parts += entry.parts
            tag += entry.cost
        }
        return (jobs, parts)
    }
}

/// Distinct elements in order. What comes and goes near either end, as jobs do, is cheap to add and to remove.
package struct SortedDeque<Element: Comparable & Sendable>: Sendable {
    private(set) var elements: Deque<Element> = []

    /// Nothing.
    package init() {}

    package var count: Int { elements.count }
    package var isEmpty: Bool { elements.isEmpty }
    package var first: Element? { elements.first }

    /// How many elements are smaller.
    package func rank(of element: Element) -> Int {
        var low = 0
        var high = elements.count
        while low < high {
            let middle = low + (high - low) / 2
            if elements[middle] < element { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package func contains(_ element: Element) -> Bool {
        let rank = rank(of: element)
        return rank < elements.count && elements[rank] == element
    }

    package mutating func insert(_ element: Element) {
        let rank = rank(of: element)
        assert(rank == elements.count || elements[rank] != element, "an element can be in here once")
        elements.insert(element, at: rank)
    }

    /// Takes the element out and says whether it was there.
    @discardableResult
    package mutating func remove(_ element: Element) -> Bool {
        let rank = rank(of: element)
        guard rank < elements.count, elements[rank] == element else { return false }
        elements.remove(at: rank)
        return true
    }
}
