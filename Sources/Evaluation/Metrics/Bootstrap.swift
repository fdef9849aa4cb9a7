import Dispatch
import VadCLIP

/// How far figures would move with other videos of the same kind: they are measured again on lists of as many videos,
/// drawn from the list with replacement, and the middle 95 of a hundred outcomes are told.
public struct Bootstrap: Sendable, Equatable {
    /// A figure's interval.
    public struct Interval: Sendable, Equatable {
        /// The figure's name, as JSON has it.
        public let name: String
        /// 2.5th percentile.
        public let low: Double
        /// 97.5th percentile.
        public let high: Double
    }

    /// Lists that were drawn.
    public let draws: Int
    /// What they were drawn with.
    public let seed: UInt64
    /// The figures' intervals; those that were not defined on any draw are left out.
    public let intervals: [Interval]

    /// Draws; the outcome depends on the seed alone, and not on the threads.
    public init(_ evaluation: Evaluation, draws: Int, seed: UInt64, threads: Int) {
        let rankings = Branch.allCases.flatMap { branch in
            [Ranking(evaluation.videos, branch), Ranking(evaluation.videos, branch) { !$0.isNormal }]
        }
        let names =
            Branch.allCases.flatMap { branch in
                ["auc", "ap", "ano_auc", "ano_ap"].map { "\($0)_\(branch.rawValue)" }
            } + ["map_average"]
        let videos = evaluation.videos.count
        let shares = max(1, min(threads, draws))
        let outcomes = Shares<[[Double?]]>(count: shares)
        DispatchQueue.concurrentPerform(iterations: shares) { share in
            outcomes[share] = (share * draws / shares..<(share + 1) * draws / shares).map { draw in
                let weights = Self.weights(videos, seed: seed, draw: draw)
                let figures = rankings.map { $0.figures(weights: weights) }
                return figures.flatMap { [$0.auc, $0.ap] }
                    + [evaluation.detections.metrics(.published, weights: weights).average]
            }
        }
        let drawn = outcomes.all.flatMap { $0 }
        self.draws = draws
        self.seed = seed
        intervals = names.indices.compactMap { index -> Interval? in
            let values = drawn.compactMap { $0[index] }.sorted()
            guard !values.isEmpty else { return nil }
            return Interval(
                name: names[index], low: Self.percentile(values, 0.025), high: Self.percentile(values, 0.975))
        }
    }

    /// The interval of a figure.
    public subscript(name: String) -> Interval? { intervals.first { $0.name == name } }

    /// How many times each video is drawn.
    static func weights(_ videos: Int, seed: UInt64, draw: Int) -> [Int] {
        var first = SplitMix64(state: seed)
        var random = SplitMix64(state: first.next() ^ (UInt64(draw) &* 0xD134_2543_DE82_EF95))
        var weights = [Int](repeating: 0, count: videos)
        for _ in 0..<videos { weights[random.index(below: videos)] += 1 }
        return weights
    }

    /// Between the two values that it lies between.
    static func percentile(_ sorted: [Double], _ share: Double) -> Double {
        let place = share * Double(sorted.count - 1)
        let low = Int(place)
        let high = min(low + 1, sorted.count - 1)
        return sorted[low] + (sorted[high] - sorted[low]) * (place - Double(low))
    }
}

/// What threads make, each a part of its own.
///
/// `@unchecked Sendable`: while threads are at work each writes the one element that is its own, through a pointer that
/// stays, and `all` is read when they have ended.
final class Shares<Part>: @unchecked Sendable {
    private let parts: UnsafeMutableBufferPointer<Part?>

    init(count: Int) {
        parts = .allocate(capacity: count)
        parts.initialize(repeating: nil)
    }

    deinit {
        parts.deinitialize()
        parts.deallocate()
    }

    subscript(share: Int) -> Part? {
        get { parts[share] }
        set { parts[share] = newValue }
    }

    var all: [Part] { parts.compactMap { $0 } }
}
