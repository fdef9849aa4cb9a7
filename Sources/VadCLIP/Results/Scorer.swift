import Dispatch
import Numerics

/// The cut of a video of T snippets into chunks of L.
public struct Chunks: Sendable, Equatable {
    /// Snippets T.
    public let snippets: Int
    /// L, the most snippets of a chunk.
    public let length: Int

    /// Cuts T snippets into chunks of L.
    public init(snippets: Int, length: Int) {
        self.snippets = snippets
        self.length = length
    }

    /// How many there are; a T that is a multiple of L needs no extra one.
    public var count: Int { (snippets + length - 1) / length }

    /// Snippets of one chunk.
    public subscript(chunk: Int) -> Range<Int> {
        chunk * length..<min((chunk + 1) * length, snippets)
    }
}

/// Scores whole videos: a matrix in, logits out.
///
/// The chunks of a video are shared out among threads; the logits are the same bits for any number of them.
public final class Scorer {
    private let benches: [Bench]
    private let model: Model

    /// One thread's scratch memory.
    ///
    /// `@unchecked Sendable`: `logits(of:)` gives each thread one bench of its own and waits for all of them, and a
    /// `Scorer` is itself not Sendable, so that it runs once at a time.
    private final class Bench: @unchecked Sendable {
        let scorer: ChunkScorer
        var logits = Logits(snippets: 0, classes: 0)

        init(_ scorer: ChunkScorer) { self.scorer = scorer }
    }

    /// Reserves scratch memory for the model, once a thread.
    public init(model: Model, threads: Int = 1) {
        self.model = model
        benches = (0..<max(1, threads)).map { _ in Bench(ChunkScorer(model: model)) }
    }

    /// Logits of features [T, d] against `classes` (the model's own by default).
    public func logits(of features: Matrix, classes: ClassFeatures? = nil) -> Logits {
        precondition(features.columns == model.configuration.width, "features as wide as the model")
        let classes = classes ?? model.classes
        let chunks = Chunks(snippets: features.rows, length: model.configuration.length)
        let shares = min(benches.count, max(1, chunks.count))
        if shares == 1 {
            Self.score(0..<chunks.count, of: chunks, features, classes, on: benches[0])
        } else {
            DispatchQueue.concurrentPerform(iterations: shares) { [benches] share in
                let range = share * chunks.count / shares..<(share + 1) * chunks.count / shares
                Self.score(range, of: chunks, features, classes, on: benches[share])
            }
        }
        var logits = benches[0].logits
        for bench in benches[1..<shares] {
            logits.coarse += bench.logits.coarse
            logits.fine += bench.logits.fine
        }
        return Logits(snippets: features.rows, classes: classes.labels.count, coarse: logits.coarse, fine: logits.fine)
    }

    private static func score(
        _ range: Range<Int>, of chunks: Chunks, _ features: Matrix, _ classes: ClassFeatures, on bench: Bench
    ) {
        let first = range.lowerBound * chunks.length
        let snippets = max(0, min(range.upperBound * chunks.length, chunks.snippets) - first)
        var logits = Logits(snippets: snippets, classes: classes.labels.count)
        for chunk in range {
            let rows = chunks[chunk]
            bench.scorer.score(
                features.values[rows.lowerBound * features.columns..<rows.upperBound * features.columns],
                classes: classes, coarse: &logits.coarse, fine: &logits.fine, offset: rows.lowerBound - first)
        }
        bench.logits = logits
    }
}
