import Dispatch
public import Engine
public import Jobs
import Platform
import Synchronization
import VadCLIP

/// Scores a part of a model's jobs by another file too, and tells how far the scores differ; the jobs' results stay what they
/// are, and nothing that becomes of the canary is of any consequence for them.
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
        /// Others were before it, or it is too large.
        case passedOver
        /// The canary can't score it; why, and whether that is of another kind than the last time.
        case failed(JobID, reason: String, isNew: Bool)
    }

    /// What differences of coarse scores are told apart.
    public static let steps: [Float] = [0.01, 0.1, 0.5]
    /// Jobs that wait for it, or are at it, at most.
    static let mostJobs = 4
    /// Bytes of the features of these jobs and of what they come to, which nobody else counts, at most.
    public static let mostBytes = 64 << 20

    /// What is served under this name is compared.
    public let name: String
    /// The part of the jobs, from 0 to 1.
    public let share: Double
    private let path: String
    private let room: Int
    private let models: ModelRegistry
    private let isAnother: @Sendable () -> Bool
    private let tell: @Sendable (Outcome) -> Void
    private let queue = DispatchQueue(label: "vigil.canary", qos: .utility)
    /// Whoever reads its file goes through here.
    let reading = Turnstile()
    private let state = Mutex(State())

    private struct State {
        /// Nil until it is loaded.
        var version: ModelVersion?
        /// What was wrong with the file when it was last read.
        var unusable: String?
        /// Why the last job could not be scored.
        var failure: Fault?
        var tally = CanaryTally()
        /// Those that wait for it, and the one that it is at.
        var jobs = 0
        var bytes = 0
        var hasEnded = false
    }

    /// Why a job can't be scored.
    private struct Fault {
        enum Kind { case otherWidth, notFinite }

        let kind: Kind
        /// A sentence, which may be of this job alone.
        let reason: String
    }

    /// Compares a share, from 0 to 1, of the jobs of what is served under a name, once the file is read.
    ///
    /// - Parameters:
    ///   - name: the model whose jobs are scored twice
    ///   - path: the file of the other model
    ///   - share: of the jobs, from 0 to 1
    ///   - room: bytes that those jobs may take that wait for it
    ///   - models: the versions that are served
    ///   - isAnother: whether the file is another than when this was called before
    ///   - tell: is told of each comparison
    public init(
        of name: String, from path: String, share: Double, room: Int = Canary.mostBytes, among models: ModelRegistry,
        isAnother: @escaping @Sendable () -> Bool = { true },
        tell: @escaping @Sendable (Outcome) -> Void
    ) {
        self.name = name
        self.path = path
        self.share = share
        self.room = room
        self.models = models
        self.isAnother = isAnother
        self.tell = tell
    }

    /// Reads the file, whose digest is known then. Where it can't be read, what was read before goes on.
    ///
    /// - Returns: nil where what is in use was read of this very file
    func read(by library: ModelLibrary) async throws(ModelLoadError) -> ModelVersion? {
        // Asked in any case, and before it is read: no change goes unseen.
        let isAnother = isAnother()
        guard isAnother || state.withLock({ $0.version == nil || $0.unusable != nil }) else { return nil }
        do throws(ModelLoadError) {
            let version = ModelVersion(try await library.model(at: path), name: name)
            _ = await version.sha256
            return version
        } catch {
            state.withLock { $0.unusable = error.reason }
            throw error
        }
    }

    /// Compares by this version from now on; what was counted stays where it is the same.
    ///
    /// - Throws: where it takes other features than what is served now; it compares once that is another
    func use(_ version: ModelVersion) throws(ModelLoadError) {
        // The last to hold what was there goes here, not under the lock.
        var former: ModelVersion?
        state.withLock { state in
            (state.unusable, state.failure) = (nil, nil)
            if state.version?.isFile(of: version) != true { state.tally = CanaryTally() }
            // Also where it is the same: what was read before may lie in a file that somebody writes to.
            former = state.version
            state.version = version
        }
        withExtendedLifetime(former) {}
        shareServed()
        try checkFit()
    }

    /// Throws where what it compares by takes other features than what is served.
    func checkFit() throws(ModelLoadError) {
        if let misfit = misfit(state.withLock(\.version), models.current(name)) {
            let sentence = "\(path): \(misfit)"
            throw ModelLoadError(reason: sentence)
        }
    }

    /// Where what is served has come to be of the canary's file, one of them is enough in memory.
    func shareServed() {
        guard let served = models.current(name) else { return }
        var former: ModelVersion?
        state.withLock { state in
            guard let version = state.version, version.model !== served.model, version.isFile(of: served)
            else { return }
            former = version
            // No holder of the very version: it goes once no job needs it, and its model stays for as long as it does here.
            state.version = ModelVersion(served.model, name: name)
        }
        withExtendedLifetime(former) {}
    }

    /// Why a version can't score the jobs of what is served; nil where it can.
    private func misfit(_ version: ModelVersion?, _ served: ModelVersion?) -> String? {
        guard let version, let served, version.width != served.width else { return nil }
        return Self.otherWidth(version.width, served.width)
    }

    private static func otherWidth(_ own: Int, _ served: Int) -> String {
        "it takes features \(own) wide, what is served takes \(served)"
    }

    /// Whether jobs with features of this digest are among those that are compared: the same ones each time.
    func takes(_ digest: String) -> Bool {
        guard share < 1 else { return true }
        guard let digits = UInt32(String(Substring(digest.utf8.prefix(8))), radix: 16) else { return false }
        return Double(digits) < share * 4_294_967_296
    }

    /// Compares a job that was scored, if it is to be, and if there is room for it.
    func take(_ plan: ScoringWork.Plan, _ result: ScoreResult) {
        guard plan.version.name.hasBytes(of: name), takes(result.featuresSHA256),
            models.current(name) === plan.version
        else { return }
        let (version, bytes) = state.withLock { state -> (ModelVersion?, bytes: Int?) in
            guard let version = state.version, !state.hasEnded,
                version.knownSHA256?.hasBytes(of: result.modelSHA256) != true
            else { return (nil, nil) }
            let bytes = Self.bytes(plan, result, by: version)
            guard state.jobs < Self.mostJobs, state.bytes + bytes <= room else { return (version, nil) }
            state.jobs += 1
            state.bytes += bytes
            return (version, bytes)
        }
        guard let version else { return }
        guard let bytes else {
            count(against: result.modelSHA256, by: version) { $0.tally.passedOver += 1 }
            return tell(.passedOver)
        }
        queue.async { [self] in
            let outcome = compare(plan, result, by: version)
            state.withLock { state in
                state.jobs -= 1
                state.bytes -= bytes
            }
            if let outcome { tell(outcome) }
        }
    }

    /// Bytes of a job's features and logits, and of the logits that the canary makes of them.
    private static func bytes(_ plan: ScoringWork.Plan, _ result: ScoreResult, by version: ModelVersion) -> Int {
        let logits = result.logits
        let own = plan.chunks.snippets * (1 + version.model.classes.labels.count)
        return (plan.features.count + logits.coarse.count + logits.fine.count + own) * MemoryLayout<Float>.stride
    }

    /// What became of a job; nil where nobody waits for that any more.
    private func compare(_ plan: ScoringWork.Plan, _ result: ScoreResult, by version: ModelVersion) -> Outcome? {
        guard plan.width == version.width else {
            let text = Self.otherWidth(version.width, plan.width)
            return failed(plan.job, result, Fault(kind: .otherWidth, reason: text), version)
        }
        guard let logits = logits(of: plan, by: version) else { return nil }
        if let snippet = logits.firstNotFinite {
            let text = "its scores of snippet \(snippet) are not finite"
            return failed(plan.job, result, Fault(kind: .notFinite, reason: text), version)
        }
        let other = ScoreResult(
            model: version.model, classes: version.model.classes, logits: logits,
            featuresSHA256: result.featuresSHA256, options: plan.options, queued: .zero, scored: .zero)
        let comparison = ScoreComparison(ScoredVideo(result), ScoredVideo(other))
        let report = Report(
            job: plan.job, model: ModelID(name: result.model, sha256: result.modelSHA256),
            canarySHA256: other.modelSHA256, snippets: logits.snippets, mean: comparison.coarseDifference.mean,
            largest: comparison.coarseDifference.largest,
            changed: Self.steps.map { step in comparison.coarse.count { $0.magnitude >= step } },
            segments: (comparison.lost.count, comparison.gained.count))
        count(against: result.modelSHA256, by: version) { state in
            state.failure = nil
            state.tally.add(report)
        }
        return .compared(report)
    }

    private func failed(
        _ job: JobID, _ result: ScoreResult, _ fault: Fault, _ version: ModelVersion
    ) -> Outcome {
        let isNew = state.withLock { $0.failure?.kind != fault.kind }
        count(against: result.modelSHA256, by: version) { state in
            state.failure = fault
            state.tally.failed += 1
        }
        return .failed(job, reason: fault.reason, isNew: isNew)
    }

    /// Counts what became of a job that was scored by the version of this digest, where new jobs still get that: with its first
    /// job the counting begins anew. What another file of the canary's made of it is not counted.
    private func count(against sha256: String, by version: ModelVersion, _ add: (inout State) -> Void) {
        state.withLock { state in
            // Asked under the lock: what was counted last tells what was served by then.
            guard models.current(name)?.knownSHA256?.hasBytes(of: sha256) == true,
                state.version?.isFile(of: version) == true
            else { return }
            if !state.tally.isAgainst(sha256) {
                state.tally = CanaryTally(against: sha256)
                state.failure = nil
            }
            add(&state)
        }
    }

    /// The canary's own; nil where it was told to end. Its scratch memory goes with each job.
    private func logits(of plan: ScoringWork.Plan, by version: ModelVersion) -> Logits? {
        let model = version.model
        let width = version.width
        let chunks = Chunks(snippets: plan.chunks.snippets, length: model.configuration.length)
        let scorer = ChunkScorer(model: model)
        var logits = Logits(snippets: chunks.snippets, classes: model.classes.labels.count)
        for chunk in 0..<chunks.count {
            guard !state.withLock(\.hasEnded) else { return nil }
            let range = chunks[chunk]
            scorer.score(
                plan.features[range.lowerBound * width..<range.upperBound * width], classes: model.classes,
                coarse: &logits.coarse, fine: &logits.fine, offset: range.lowerBound)
        }
        return logits
    }

    /// How it stands.
    var standing: CanaryStanding {
        let served = models.current(name)
        let current = served?.knownSHA256
        return state.withLock { state in
            let sha256 = state.version?.knownSHA256
            let isServed = sha256.flatMap { sha256 in current.map { sha256.hasBytes(of: $0) } } ?? false
            // What was counted against another version says nothing of this one.
            let counts = current.map { state.tally.isAgainst($0) } ?? false
            let misfit = misfit(state.version, served) ?? (counts ? state.failure?.reason : nil)
            typealias Fault = CanaryStanding.Fault
            let fault = state.unusable.map { Fault.file($0) } ?? misfit.map { Fault.jobs($0) }
            return CanaryStanding(
                state: isServed ? .served : fault != nil ? .failed : sha256 == nil ? .loading : .comparing,
                share: share, sha256: sha256, fault: fault, tally: counts ? state.tally : CanaryTally())
        }
    }

    /// Takes nothing more, and waits until it has put down what it is at.
    func end() async {
        state.withLock { $0.hasEnded = true }
        await withCheckedContinuation { continuation in queue.async { continuation.resume() } }
    }
}

extension ModelVersion {
    fileprivate var width: Int { model.configuration.width }

    /// Whether both are known to be of the same file.
    fileprivate func isFile(of other: ModelVersion) -> Bool {
        guard let sha256 = knownSHA256, let other = other.knownSHA256 else { return false }
        return sha256.hasBytes(of: other)
    }
}
