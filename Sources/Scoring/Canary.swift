import Dispatch
public import Engine
public import Jobs
import Platform
import Synchronization
import VadCLIP

/// Scores a part of a model's jobs by another model too, and tells how far the scores differ; the jobs' results stay what they
/// are.
///
/// It is done beside the workers, one job at a time, once the job is scored; where more come than it can do, it passes them over.
public final class Canary: Sendable {
    /// How far the scores of one job differ.
    public struct Report: Sendable {
        /// The job.
        public let job: JobID
        /// The model that did the job.
        public let model: ModelID
        /// The SHA-256 of the canary's file.
        public let canarySHA256: String
        /// Its snippets.
        public let snippets: Int
        /// The mean of the magnitudes by which the coarse scores differ.
        public let mean: Float
        /// The largest difference of the coarse scores, the canary's less the model's.
        public let largest: Float
        /// How many snippets differ by at least each of ``Canary/steps``.
        public let changed: [Int]
        /// Segments that the canary does not find, and those that it alone finds.
        public let segments: (lost: Int, gained: Int)
    }

    /// What became of a job that was to be compared.
    public enum Outcome: Sendable {
        case compared(Report)
        /// Others were before it.
        case passedOver
    }

    /// What differences of coarse scores are told apart.
    public static let steps: [Float] = [0.01, 0.1, 0.5]
    /// Jobs that wait for it, with their features, at most.
    private static let mostWaiting = 4

    private let name: String
    private let version: ModelVersion
    private let share: Double
    private let tell: @Sendable (Outcome) -> Void
    private let queue = DispatchQueue(label: "vigil.canary", qos: .utility)
    private let waiting = Atomic(0)

    /// Compares a share, from 0 to 1, of the jobs of what is served under a name.
    public init(
        of name: String, by version: ModelVersion, share: Double, tell: @escaping @Sendable (Outcome) -> Void
    ) {
        self.name = name
        self.version = version
        self.share = share
        self.tell = tell
    }

    /// Whether jobs with features of this digest are among those that are compared: the same ones each time.
    func takes(_ digest: String) -> Bool {
        guard share < 1 else { return true }
        guard let digits = UInt32(String(Substring(digest.utf8.prefix(8))), radix: 16) else { return false }
        return Double(digits) < share * 4_294_967_296
    }

    /// Compares a job that was scored, if it is to be, and if there is room for it.
    func take(_ job: JobID, _ plan: ScoringWork.Plan, _ result: ScoreResult) {
        guard plan.version.name.hasBytes(of: name), plan.subject.width == version.model.configuration.width,
            takes(plan.subject.digest.text)
        else { return }
        guard waiting.add(1, ordering: .relaxed).newValue <= Self.mostWaiting else {
            waiting.subtract(1, ordering: .relaxed)
            return tell(.passedOver)
        }
        queue.async { [self] in
            let report = compare(job, plan, result)
            waiting.subtract(1, ordering: .relaxed)
            tell(.compared(report))
        }
    }

    private func compare(_ job: JobID, _ plan: ScoringWork.Plan, _ result: ScoreResult) -> Report {
        let model = version.model
        let width = plan.subject.width
        let chunks = Chunks(snippets: plan.subject.snippets, length: model.configuration.length)
        let scorer = ChunkScorer(model: model)
        let classes = model.classes.labels.count
        var logits = Logits(snippets: chunks.snippets, classes: classes)
        for chunk in 0..<chunks.count {
            let range = chunks[chunk]
            scorer.score(
                plan.features[range.lowerBound * width..<range.upperBound * width], classes: model.classes,
                coarse: &logits.coarse, fine: &logits.fine, offset: range.lowerBound)
        }
        let other = ScoreResult(
            model: model, classes: model.classes, logits: logits, featuresSHA256: result.featuresSHA256,
            options: plan.options, queued: .zero, scored: .zero)
        let comparison = ScoreComparison(ScoredVideo(result), ScoredVideo(other))
        return Report(
            job: job, model: ModelID(name: result.model, sha256: result.modelSHA256),
            canarySHA256: other.modelSHA256, snippets: chunks.snippets, mean: comparison.coarseDifference.mean,
            largest: comparison.coarseDifference.largest,
            changed: Self.steps.map { step in comparison.coarse.count { $0.magnitude >= step } },
            segments: (comparison.lost.count, comparison.gained.count))
    }
}
