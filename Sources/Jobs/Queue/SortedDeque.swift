import DequeModule

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
