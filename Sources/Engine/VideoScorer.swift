import Dispatch
public import Tensors
public import VadCLIP

/// Scores one video at a time on several threads, for commands that have no server.
///
/// The chunks are shared out among the threads; the logits are the same bits for any number of them.
public final class VideoScorer {
    private let benches: [Bench]
    private let length: Int
    private let ownClasses: ClassFeatures

    /// One thread's scorer and what it made.
    ///
    /// `@unchecked Sendable`: `logits(of:)` gives each thread one bench of its own and waits for all of them, and a
    /// `VideoScorer` is itself not Sendable, so that it runs once at a time.
    private final class Bench: @unchecked Sendable {
        let scorer: Scorer
        var logits = Logits(snippets: 0, classes: 0)

        init(_ scorer: Scorer) { self.scorer = scorer }
    }

    /// Reserves scratch memory for the model, once a thread.
    public init(model: Model, threads: Int) {
        benches = (0..<max(1, threads)).map { _ in Bench(Scorer(model: model)) }
        length = model.configuration.length
        ownClasses = model.classes
    }

    /// Logits of features [T, d] against `classes` (the model's own by default).
    public func logits(of features: Matrix, classes: ClassFeatures? = nil) -> Logits {
        let classes = classes ?? ownClasses
        let chunks = Chunks(snippets: features.rows, length: length).count
        let shares = min(benches.count, chunks)
        guard shares > 1 else { return benches[0].scorer.logits(of: features, classes: classes) }
        DispatchQueue.concurrentPerform(iterations: shares) { [benches] share in
            let range = share * chunks / shares..<(share + 1) * chunks / shares
            benches[share].logits = benches[share].scorer.logits(of: features, classes: classes, chunks: range)
        }
        let parts = benches.prefix(shares).map(\.logits)
        return Logits(
            snippets: features.rows, classes: classes.labels.count, coarse: parts.flatMap(\.coarse),
            fine: parts.flatMap(\.fine))
    }
}
