import Synchronization

/// A row of numbers that any thread may add to at any time, without a lock and without waiting for another.
///
/// `@unchecked Sendable`: the block is filled before anybody has the row, is freed with its last holder, and is touched by
/// atomic operations alone in between.
final class Cells: @unchecked Sendable {
    let count: Int
    // Sound: every index is checked against `count`, which is what was reserved and filled.
    private let block: UnsafeMutablePointer<Atomic<Int>>

    /// So many zeros.
    init(count: Int) {
        self.count = max(count, 0)
        block = .allocate(capacity: max(count, 1))
        for index in 0..<self.count { (block + index).initialize(to: Atomic(0)) }
    }

    deinit {
        block.deinitialize(count: count)
        block.deallocate()
    }

    /// Adds to a number; what goes beyond its range begins anew, as counters do after three centuries of nanoseconds.
    func add(_ amount: Int, at index: Int) {
        precondition(index >= 0 && index < count)
        block[index].wrappingAdd(amount, ordering: .relaxed)
    }

    /// The number as it is now.
    subscript(index: Int) -> Int {
        precondition(index >= 0 && index < count)
        return block[index].load(ordering: .relaxed)
    }
}
