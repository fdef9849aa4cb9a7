/// A dictionary of bounded size that forgets whatever was not used for longest. Each step takes the same time.
struct RecentTable<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Node: Sendable {
        let key: Key
        var value: Value
        /// Towards those used later, and earlier; -1 for none.
        var newer = -1
        var older = -1
    }

    private let capacity: Int
    private var nodes: [Node] = []
    private var places: [Key: Int] = [:]
    private var newest = -1
    private var oldest = -1

    /// A table of at most `capacity` entries, at least 1.
    init(capacity: Int) { self.capacity = max(1, capacity) }

    var count: Int { nodes.count }

    /// Changes the value of a key, which is `initial` where there is none yet, and makes it the one used last.
    mutating func update<Result>(
        _ key: Key, default initial: @autoclosure () -> Value, _ change: (inout Value) -> Result
    ) -> Result {
        let place = place(of: key, initial)
        if place != newest {
            unlink(place)
            link(place)
        }
        return change(&nodes[place].value)
    }

    private mutating func place(of key: Key, _ initial: () -> Value) -> Int {
        if let place = places[key] { return place }
        let node = Node(key: key, value: initial())
        guard nodes.count == capacity else {
            nodes.append(node)
            places[key] = nodes.count - 1
            link(nodes.count - 1)
            return nodes.count - 1
        }
        let place = oldest
        unlink(place)
        places[nodes[place].key] = nil
        nodes[place] = node
        places[key] = place
        link(place)
        return place
    }

    private mutating func link(_ place: Int) {
        nodes[place].older = newest
        nodes[place].newer = -1
        if newest >= 0 { nodes[newest].newer = place }
        newest = place
        if oldest < 0 { oldest = place }
    }

    private mutating func unlink(_ place: Int) {
        let (newer, older) = (nodes[place].newer, nodes[place].older)
        if newer >= 0 { nodes[newer].older = older } else { newest = older }
        if older >= 0 { nodes[older].newer = newer } else { oldest = newer }
    }
}
