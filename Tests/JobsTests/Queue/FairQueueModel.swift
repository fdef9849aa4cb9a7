@testable import Jobs

/// The queue of fair shares, said as simply as can be: a list that is searched through.
struct FairQueueModel {
    struct Waiting {
        let client: String
        let entry: FairQueue.Entry
    }

    private(set) var waiting: [Waiting] = []
    /// The work that each client has had, as far as it counts.
    private var tags: [String: Int] = [:]
    private var served = 0

    mutating func insert(_ entry: FairQueue.Entry, of client: String) {
        if !waiting.contains(where: { $0.client == client }) { tags[client] = max(tags[client] ?? served, served) }
        waiting.append(Waiting(client: client, entry: entry))
    }

    mutating func remove(_ id: JobID) -> Bool {
        let before = waiting.count
        waiting.removeAll { $0.entry.id == id }
        if waiting.isEmpty { (tags, served) = ([:], 0) }
        return waiting.count < before
    }

    mutating func pop() -> JobID? {
        guard let next = first(of: waiting, tags: tags) else { return nil }
        served = tags[next.client] ?? 0
        tags[next.client] = served + next.entry.cost
        _ = remove(next.entry.id)
        return next.entry.id
    }

    /// All in the order in which they would be popped if nothing came and nothing went.
    var order: [JobID] {
        var copy = self
        var order: [JobID] = []
        while let id = copy.pop() { order.append(id) }
        return order
    }

    /// Among the first ones of the clients the one with the smallest tag, then the highest priority, then the oldest.
    private func first(of waiting: [Waiting], tags: [String: Int]) -> Waiting? {
        let fronts = Dictionary(grouping: waiting, by: \.client).values.compactMap { line in
            line.min { ($0.entry.place, $0.entry.id) < ($1.entry.place, $1.entry.id) }
        }
        return fronts.min { left, right in
            let (own, other) = (tags[left.client] ?? 0, tags[right.client] ?? 0)
            if own != other { return own < other }
            if left.entry.priority != right.entry.priority { return left.entry.priority > right.entry.priority }
            return left.entry.id < right.entry.id
        }
    }
}
