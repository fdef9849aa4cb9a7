import Dispatch
public import Tensors
public import VadCLIP

/// Scores one video at a time on several threads, for commands that have no server.
///
/// The chunks are shared out among the threads, and who has none left helps another with its products; the logits are the same
/// bits for any number of them.
public final class VideoScorer {
    private let benches: [Bench]
    private let length: Int
    private let ownClasses: ClassFeatures

    /// One thread's scorer and what it made.
    ///
    /// `@unchecked Sendable`: `logits(of:)` gives each thread one bench of its own and waits for all of them, and a
    /// `VideoScorer` is itself not Sendable, so that it runs once at a time.
    private final class Bench: @unchecked Sendable {
        let helper = Helper()
        let scorer: Scorer
        var logits = Logits(snippets: 0, classes: 0)

        init(_ model: Model, hasOthers: Bool) {
            scorer = Scorer(model: model, helper: hasOthers ? helper : nil)
        }

        /// - Parameter isHelped: whether a thread is started that helps
        func score(
            _ features: Matrix, _ classes: ClassFeatures, chunks: Range<Int>, isHelped: Bool = false
        ) -> Logits {
            helper.open()
            defer { helper.close() }
            if isHelped { DispatchQueue.global().async { [helper] in helper.help { true } } }
            return scorer.logits(of: features, classes: classes, chunks: chunks)
        }
    }

    /// Reserves scratch memory for the model, once a thread.
    public init(model: Model, threads: Int) {
        benches = (0..<max(1, threads)).map { _ in Bench(model, hasOthers: threads > 1) }
        length = model.configuration.length
        ownClasses = model.classes
    }

    /// Logits of features [T, d] against `classes` (the model's own by default).
    public func logits(of features: Matrix, classes: ClassFeatures? = nil) -> Logits {
        let classes = classes ?? ownClasses
        let chunks = Chunks(snippets: features.rows, length: length).count
        let shares = min(benches.count, chunks)
        guard shares > 1 else {
            return benches[0].score(features, classes, chunks: 0..<chunks, isHelped: benches.count > 1)
        }
        DispatchQueue.concurrentPerform(iterations: shares) { [benches] share in
            let range = share * chunks / shares..<(share + 1) * chunks / shares
            benches[share].logits = benches[share].score(features, classes, chunks: range)
            for other in benches.prefix(shares) { other.helper.help { true } }
        }
        let parts = benches.prefix(shares).map(\.logits)
        return Logits(
            snippets: features.rows, classes: classes.labels.count, coarse: parts.flatMap(\.coarse),
            fine: parts.flatMap(\.fine))
    }
}
