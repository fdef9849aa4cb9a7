import Foundation
import Synchronization

@testable import Tensors

/// A thread that lends itself again and again, for as long as a test wants it.
final class Lender: Sendable {
    private let isOver = Atomic(false)
    private let isGone = DispatchSemaphore(value: 0)

    /// - Parameter looks: how often it looks for an operation before it takes itself back
    init(to second: LentThread, looks: Int = .max) {
        Thread.detachNewThread { [self] in
            while !isOver.load(ordering: .relaxed) {
                var left = looks
                let lending = second.lend {
                    left -= 1
                    return left > 0 && !isOver.load(ordering: .relaxed)
                }
                if lending == .refused { sched_yield() }
            }
            isGone.signal()
        }
    }

    /// Returns when the thread is at nothing any more.
    func end() {
        isOver.store(true, ordering: .relaxed)
        isGone.wait()
    }
}

/// Counts what several threads do.
final class Count: Sendable {
    private let value = Atomic(0)
    var now: Int { value.load(ordering: .relaxed) }

    func up() { value.wrappingAdd(1, ordering: .relaxed) }

    /// How many there were since it was last asked.
    func take() -> Int { value.exchange(0, ordering: .relaxed) }
}
