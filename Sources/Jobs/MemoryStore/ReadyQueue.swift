/// The queued jobs in the order in which they will be claimed: by priority, then by ID.
struct ReadyQueue: Sendable {
    /// A queued job; the parts are what those behind it have to wait for.
    struct Entry: Comparable, Sendable {
        let id: JobID
        let parts: Int

        static func < (left: Entry, right: Entry) -> Bool { left.id < right.id }
        static func == (left: Entry, right: Entry) -> Bool { left.id == right.id }
    }

    /// What lies before a queued job.
    struct Place: Equatable {
        /// 1 for the next one.
        let position: Int
        /// The parts of the jobs before it.
        let partsBefore: Int
    }

    /// One line a priority, lowest first, as in `Priority.allCases`.
    private var lines = [SortedDeque<Entry>](repeating: SortedDeque(), count: Priority.allCases.count)

    private(set) var parts = 0

    var count: Int { lines.reduce(0) { $0 + $1.count } }

    /// The IDs, next one first.
    var ids: [JobID] { lines.reversed().flatMap { $0.elements.map(\.id) } }

    mutating func insert(_ id: JobID, parts: Int, priority: Priority) {
        lines[priority.rawValue].insert(Entry(id: id, parts: parts))
        self.parts += parts
    }

    mutating func remove(_ id: JobID, parts: Int, priority: Priority) {
        if lines[priority.rawValue].remove(Entry(id: id, parts: parts)) { self.parts -= parts }
    }

    /// Takes out the job that is next.
    mutating func popFirst() -> JobID? {
        guard let line = lines.lastIndex(where: { !$0.isEmpty }), let entry = lines[line].first else { return nil }
        lines[line].remove(entry)
        parts -= entry.parts
        return entry.id
    }

    /// Where a queued job stands.
    func place(of id: JobID, priority: Priority) -> Place {
        let line = lines[priority.rawValue]
        let rank = line.rank(of: Entry(id: id, parts: 0))
        var position = rank + 1
        var partsBefore = line.elements.prefix(rank).reduce(0) { $0 + $1.parts }
        for higher in lines[(priority.rawValue + 1)...] {
            position += higher.count
            partsBefore += higher.elements.reduce(0) { $0 + $1.parts }
        }
        return Place(position: position, partsBefore: partsBefore)
    }
}
