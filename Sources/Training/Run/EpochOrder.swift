import VadCLIP

/// Which rows of the training list each step of an epoch takes: a function of the seed and the epoch alone, so that a run that
/// goes on needs no more than its place.
public struct EpochOrder: Equatable, Sendable {
    /// Rows of each step, in the order in which they stand in the batch.
    public let steps: [[Int]]

    /// - Parameters:
    ///   - isNormal: of each row, whether its video is normal
    ///   - batching: how a batch is made up
    ///   - batch: rows of a batch, of either kind where they are paired
    ///   - seed: the run's
    ///   - epoch: counted from 0
    public init(isNormal: [Bool], batching: RunSettings.Batching, batch: Int, seed: UInt64, epoch: Int) {
        var random = ShuffleRandom(seed: seed, epoch: epoch)
        switch batching {
        case .paired:
            let normal = random.shuffled(isNormal.indices.filter { isNormal[$0] })
            let abnormal = random.shuffled(isNormal.indices.filter { !isNormal[$0] })
            let count = min(normal.count, abnormal.count) / batch
            steps = (0..<count).map { step in
                let part = step * batch..<(step + 1) * batch
                return Array(normal[part] + abnormal[part])
            }
        case .shuffled:
            let rows = random.shuffled(Array(isNormal.indices))
            steps = stride(from: 0, to: rows.count, by: batch).map { start in
                Array(rows[start..<min(start + batch, rows.count)])
            }
        }
    }

    /// Samples of all steps.
    public var samples: Int { steps.reduce(0) { $0 + $1.count } }
}

/// A shuffle that is spelled out, so that no library's change makes other runs of old seeds.
private struct ShuffleRandom {
    private var random: SplitMix64

    init(seed: UInt64, epoch: Int) {
        var first = SplitMix64(state: seed)
        random = SplitMix64(
            state: first.next() &+ UInt64(truncatingIfNeeded: epoch) &* 0xD1B5_4A32_D192_ED03)
    }

    /// Fisher and Yates, from the end.
    mutating func shuffled(_ items: [Int]) -> [Int] {
        var items = items
        for last in stride(from: items.count - 1, to: 0, by: -1) { items.swapAt(last, random.index(below: last + 1)) }
        return items
    }
}
