import Platform
import Synchronization

/// A few at a time, of whom none is anybody's for long: where several clients wait, the next is one who has the fewest turns now, and of
/// those who waits the longest.
final class FairTurns: Sendable {
    private struct Waiting {
        let client: ByteText
        let continuation: CheckedContinuation<Void, Never>
    }

    private struct State {
        var free: Int
        var taken: [ByteText: Int] = [:]
        var waiting: [Waiting] = []

        mutating func take(_ client: ByteText) {
            free -= 1
            taken[client, default: 0] += 1
        }

        mutating func give(_ client: ByteText) {
            free += 1
            let left = (taken[client] ?? 0) - 1
            taken[client] = left > 0 ? left : nil
        }
    }

    private let state: Mutex<State>

    /// - Parameter places: how many may have a turn at a time
    init(places: Int) { state = Mutex(State(free: places)) }

    /// How many wait.
    var waiting: Int { state.withLock(\.waiting.count) }

    /// Waits for a turn of a client's.
    func enter(_ client: String) async {
        let client = ByteText(client)
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.free > 0 else {
                    state.waiting.append(Waiting(client: client, continuation: continuation))
                    return false
                }
                state.take(client)
                return true
            }
            if isFree { continuation.resume() }
        }
    }

    /// Lets the next one have it.
    func leave(_ client: String) {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            state.give(ByteText(client))
            // The first of the least.
            let taken = state.taken
            let least = state.waiting.indices.min {
                (taken[state.waiting[$0].client] ?? 0) < (taken[state.waiting[$1].client] ?? 0)
            }
            guard let least else { return nil }
            let one = state.waiting.remove(at: least)
            state.take(one.client)
            return one.continuation
        }
        next?.resume()
    }
}
