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
    /// Bytes of the features of these jobs, which nobody else counts, at most.
    static let mostBytes = 64 << 20

    /// What is served under this name is compared.
    public let name: String
    /// The part of the jobs, from 0 to 1.
    public let share: Double
    private let path: String
    private let models: ModelRegistry
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
    public init(
        of name: String, from path: String, share: Double, among models: ModelRegistry,
        tell: @escaping @Sendable (Outcome) -> Void
    ) {
        self.name = name
        self.path = path
        self.share = share
        self.models = models
        self.tell = tell
    }

    /// Reads the file, whose digest is known then. Where it can't be read, what was read before goes on.
    func read(by library: ModelLibrary) async throws(ModelLoadError) -> ModelVersion {
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
        if let misfit = misfit(version, models.current(name)) {
            throw ModelLoadError(reason: "\(path): \(misfit)")
        }
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
        guard plan.version.name.hasBytes(of: name), takes(plan.subject.digest.text),
            models.current(name) === plan.version
        else { return }
        let bytes = plan.features.count * MemoryLayout<Float>.stride
        let (version, hasRoom) = state.withLock { state -> (ModelVersion?, Bool) in
            guard let version = state.version, !state.hasEnded,
                version.knownSHA256?.hasBytes(of: result.modelSHA256) != true
            else { return (nil, false) }
            guard state.jobs < Self.mostJobs, state.bytes + bytes <= Self.mostBytes else { return (version, false) }
            state.jobs += 1
            state.bytes += bytes
            return (version, true)
        }
        guard let version else { return }
        guard hasRoom else {
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

    /// What became of a job; nil where nobody waits for that any more.
    private func compare(_ plan: ScoringWork.Plan, _ result: ScoreResult, by version: ModelVersion) -> Outcome? {
        guard plan.subject.width == version.width else {
            let text = Self.otherWidth(version.width, plan.subject.width)
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
        let chunks = Chunks(snippets: plan.subject.snippets, length: model.configuration.length)
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

/// How a canary stands.
package struct CanaryStanding: Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// Its file is not read yet.
        case loading
        /// It scores its part of the jobs.
        case comparing
        /// It is what is served by now, so that there is nothing to compare.
        case served
        /// Its file can't be used, or it could not score the last job.
        case failed
    }

    /// What is wrong with it, in a sentence.
    package enum Fault: Sendable {
        /// Why its file could not be used when it was last read; with its path.
        case file(String)
        /// Why it can't score jobs.
        case jobs(String)
    }

    package let state: State
    package let share: Double
    package let sha256: String?
    package let fault: Fault?
    package let tally: CanaryTally

    /// What is wrong with it.
    package var reason: String? {
        switch fault {
        case .file(let reason), .jobs(let reason): reason
        case nil: nil
        }
    }
}

/// What was found of the jobs that two versions have scored.
package struct CanaryTally: Sendable, Equatable {
    /// What the canary is compared with; nil before the first job.
    private let against: String?
    package private(set) var jobs = 0
    package var passedOver = 0
    package var failed = 0
    package private(set) var snippets = 0
    private var sum = 0.0
    /// The largest difference of a coarse score, the canary's less the model's.
    package private(set) var largest: Float = 0
    /// Snippets that differ by at least each of ``Canary/steps``.
    package private(set) var changed = Canary.steps.map { _ in 0 }
    package private(set) var lost = 0
    package private(set) var gained = 0

    /// Of nothing yet.
    package init(against sha256: String? = nil) { against = sha256 }

    /// The mean of the magnitudes by which the coarse scores differ.
    package var mean: Double { snippets > 0 ? sum / Double(snippets) : 0 }

    /// Whether it tells of this version of the model.
    func isAgainst(_ sha256: String) -> Bool { against?.hasBytes(of: sha256) == true }

    /// Adds a job.
    mutating func add(_ report: Canary.Report) {
        jobs += 1
        snippets += report.snippets
        sum += Double(report.mean) * Double(report.snippets)
        if report.largest.magnitude > largest.magnitude { largest = report.largest }
        changed = zip(changed, report.changed).map { $0 + $1 }
        lost += report.segments.lost
        gained += report.segments.gained
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

extension ScoringService {
    /// Reads the canary's file again, which is read for the first time once models have copies of their own: before that it
    /// is left to be read then.
    ///
    /// - Returns: whether it can be used, as far as that is known, or there is none
    package func rereadCanary() async -> Bool {
        guard areIsolated.load(ordering: .acquiring) else { return true }
        return await readCanary()
    }

    /// Reads the canary's file, beside what is served.
    ///
    /// - Returns: whether it can be used, or there is none
    func readCanary() async -> Bool {
        guard let canary = settings.canary, let library else { return true }
        await canary.reading.enter()
        defer { canary.reading.leave() }
        do throws(ModelLoadError) {
            let version = try await canary.read(by: library)
            // Reading takes a while, and keeps nobody from changing what is served.
            await changes.enter()
            defer { changes.leave() }
            try canary.use(version)
            let sha256 = version.knownSHA256 ?? ""
            backlog.logger.info(
                "the canary was read", metadata: ["model": "\(canary.name)", "canary_sha256": "\(sha256)"])
            return true
        } catch {
            backlog.logger.error(
                "the canary can't be used, and jobs are scored without it",
                metadata: ["model": "\(canary.name)", "error": "\(error.reason)"])
            return false
        }
    }
}
