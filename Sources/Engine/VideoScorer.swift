import Dispatch
import Platform
import Synchronization
public import Tensors
public import VadCLIP

/// Scores one video at a time on several threads, for commands that have no server.
///
/// Each thread takes chunk after chunk, and who gets none more takes part in the products of another's; the logits are the same
/// bits for any number of threads.
public final class VideoScorer {
    private let benches: [Bench]
    private let length: Int
    private let ownClasses: ClassFeatures

    /// One thread's scorer.
    ///
    /// `@unchecked Sendable`: `logits(of:)` gives each thread the scorer of one bench and waits for all of them, and a
    /// `VideoScorer` is itself not Sendable, so that it runs once at a time. By `second` alone other threads come to a bench.
    private final class Bench: @unchecked Sendable {
        let second = LentThread()
        let scorer: Scorer

        init(_ model: Model, isAlone: Bool) { scorer = Scorer(model: model, second: isAlone ? nil : second) }
    }

    /// The chunks of one video.
    private final class Round: Sendable {
        private let next = Atomic(0)
        private let unfinished: Atomic<Int>
        private let parts: Mutex<[Logits?]>

        init(chunks: Int) {
            unfinished = Atomic(chunks)
            parts = Mutex(Array(repeating: nil, count: chunks))
        }

        /// A chunk that nobody has taken yet.
        func take() -> Int? {
            let chunk = next.wrappingAdd(1, ordering: .relaxed).oldValue
            return chunk < parts.withLock(\.count) ? chunk : nil
        }

        func finish(_ chunk: Int, _ logits: Logits) {
            parts.withLock { $0[chunk] = logits }
            unfinished.wrappingSubtract(1, ordering: .releasing)
        }

        var isOver: Bool { unfinished.load(ordering: .acquiring) == 0 }

        /// What all chunks came to.
        var logits: [Logits] { parts.withLock { $0.compactMap { $0 } } }
    }

    /// Reserves scratch memory for the model, once a thread.
    public init(model: Model, threads: Int) {
        benches = (0..<max(1, threads)).map { _ in Bench(model, isAlone: threads <= 1) }
        length = model.configuration.length
        ownClasses = model.classes
    }

    /// Logits of features [T, d] against `classes` (the model's own by default).
    public func logits(of features: Matrix, classes: ClassFeatures? = nil) -> Logits {
        let classes = classes ?? ownClasses
        let chunks = Chunks(snippets: features.rows, length: length).count
        // No more than two threads can be at a chunk.
        let threads = min(benches.count, 2 * chunks)
        guard threads > 1 else { return benches[0].scorer.logits(of: features, classes: classes) }
        let round = Round(chunks: chunks)
        DispatchQueue.concurrentPerform(iterations: threads) { [benches] thread in
            while let chunk = round.take() {
                let bench = benches[thread]
                bench.second.open()
                let logits = bench.scorer.logits(of: features, classes: classes, chunks: chunk..<chunk + 1)
                bench.second.close()
                round.finish(chunk, logits)
            }
            Self.help(benches.prefix(threads), until: round)
        }
        let parts = round.logits
        return Logits(
            snippets: features.rows, classes: classes.labels.count, coarse: parts.flatMap(\.coarse),
            fine: parts.flatMap(\.fine))
    }

    /// How often a thread looks for somebody to help before it goes: some milliseconds.
    private static let looks = 5_000

    /// Lends the calling thread to one after another. It comes to nobody who has not begun, and stays with nobody who does not
    /// go on, so that it waits for no thread that the system does not run.
    private static func help(_ benches: ArraySlice<Bench>, until round: Round) {
        var looks = 0
        while !round.isOver, looks < Self.looks {
            if benches.contains(where: { $0.second.lend { true } != .refused }) {
                looks = 0
            } else {
                looks += 1
                sched_yield()
            }
        }
    }
}
