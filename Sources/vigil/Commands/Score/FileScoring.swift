import API
import Engine
import Formats
import Frames
import Platform
import Scoring
import Synchronization
import Tensors
import VadCLIP

/// A model, and what it takes to score with it.
struct ScoringModel: Sendable {
    let model: Model
    /// What is scored against unless a file says otherwise.
    let classes: ClassFeatures
    /// What it is called: the name that it was given, or its own.
    let name: String
    private let scorers: ScorerPool
    var width: Int { model.configuration.width }

    init(
        _ path: String?, as name: String? = nil, _ options: ScoreOptions, _ kernels: Kernels
    ) throws {
        model = try ModelSource.load(path: path, kernels: kernels)
        self.name = name ?? model.info.name
        classes = try model.classes(for: options.labels, called: self.name)
        scorers = ScorerPool(model)
    }

    func classes(for labels: [String]?) throws(ModelError) -> ClassFeatures {
        try model.classes(for: labels, called: name)
    }

    /// Scores features; throws where what comes is no number.
    func score(_ one: AcceptedFeatures, threads: Int) throws -> ScoreResult {
        let classes = one.hasLabels ? try classes(for: one.options.labels) : classes
        let start = ContinuousClock.now
        let logits = scorers.logits(of: one.features, classes: classes, threads: threads)
        if let snippet = logits.firstNotFinite {
            let warnings = one.report.warnings.map { "; \($0)" }.joined()
            throw Failure(.badData, "\(one.label): the scores of snippet \(snippet) are not finite\(warnings)")
        }
        var result = ScoreResult(
            model: model, classes: classes, logits: logits, featuresSHA256: one.digest, options: one.options,
            queued: .zero, scored: ContinuousClock.now - start)
        result.model = name
        result.source = one.video
        return result
    }
}

/// Scorers of one model: each file that is scored has one for itself, and leaves it for the next.
private final class ScorerPool: Sendable {
    private let model: Model
    private let idle = Mutex<[Held]>([])

    /// Sound as `@unchecked Sendable`: who has taken a scorer out of the pool is alone with it until it is back.
    private final class Held: @unchecked Sendable {
        let threads: Int
        let scorer: VideoScorer

        init(_ model: Model, threads: Int) {
            self.threads = threads
            scorer = VideoScorer(model: model, threads: threads)
        }
    }

    init(_ model: Model) { self.model = model }

    func logits(of features: Matrix, classes: ClassFeatures, threads: Int) -> Logits {
        let kept = idle.withLock { idle in
            idle.firstIndex { $0.threads == threads }.map { idle.remove(at: $0) }
        }
        let held = kept ?? Held(model, threads: threads)
        let logits = held.scorer.logits(of: features, classes: classes)
        idle.withLock { $0.append(held) }
        return logits
    }
}

/// Features that can be scored.
struct AcceptedFeatures: Sendable {
    let label: String
    var features: Matrix
    let digest: String
    let report: FeatureReport
    let notes: [String]
    let options: ScoreOptions
    /// Whether its file names labels.
    let hasLabels: Bool
    /// When each snippet begins and the last one ends; empty where that is not known.
    var times: [Double] = []
    /// The video that they were made of; nil of other files.
    var video: VideoSource?
    /// The frames' size, of a video whose frames are all of one.
    var size: FrameSize?
}

/// What came of features.
struct ScoredFeatures: Sendable {
    let accepted: AcceptedFeatures
    let result: ScoreResult
    /// What the other model made of it, where there is one.
    let other: ScoreResult?
}

/// What came of a file: what was scored before something was wrong with it.
struct FileOutcome: Sendable {
    var scored: [ScoredFeatures] = []
    var error: (any Error)?
}

/// Reads and scores files by one model, or by two.
struct FileScoring: Sendable {
    let first: ScoringModel
    let second: ScoringModel?
    let settings: Settings
    /// The files are float32 rows, whatever they are called.
    let isRaw: Bool
    /// What is scored of features that hold several crops; nil where that was not said.
    let crop: CropChoice?

    /// The matrices of a file of features, all of which can be scored.
    func read(_ path: String) async throws -> [AcceptedFeatures] {
        let file = try FeatureReader.open(path, isRows: isRaw, widths: [first.width])
        return try await FeatureReader.matrices(in: file, isRows: isRaw, width: first.width).map { found in
            var options = try settings.scoreOptions(beside: found.parameters, in: found.label)
            let choice = crop ?? options.crop
            let array = try choice.map { try $0.rows(of: found.matrix.array, label: found.label) } ?? found.matrix.array
            let known = options.fps == nil ? RecipeTimes(beside: found.label, of: array) : nil
            options.fps = options.fps ?? known?.fps
            do {
                try first.model.check(labels: options.labels, called: first.name)
                let (features, report) = try FeatureCheck(width: first.width, fps: options.fps)
                    .accept(array)
                return AcceptedFeatures(
                    label: found.label, features: features, digest: array.digest, report: report,
                    notes: found.matrix.notes + Self.notes(ofServer: found.parameters), options: options,
                    hasLabels: found.parameters.contains { $0.name == "labels" }, times: known?.times ?? [])
            } catch {
                var text = "\(found.label): \(error)"
                if case FeatureError.severalMatrices = error {
                    text += "; --crop 0 takes the first, --crop mean their mean"
                }
                throw Failure(.badData, text)
            }
        }
    }

    /// A video's features, as they can be scored. A rate that is asked for counts more than its own times.
    func read(video path: String, by decoding: VideoScoring) throws -> AcceptedFeatures {
        let found = try decoding.features(of: path)
        var options = try settings.scoreOptions()
        let isRateGiven = options.fps != nil
        options.fps = options.fps ?? found.source.fps
        do {
            try first.model.check(labels: options.labels, called: first.name)
            let (features, report) = try FeatureCheck(width: first.width, fps: options.fps).accept(found.array)
            var accepted = AcceptedFeatures(
                label: path, features: features, digest: found.array.digest, report: report, notes: found.warnings,
                options: options, hasLabels: false, times: isRateGiven ? [] : found.source.times, video: found.source)
            accepted.size = found.size
            return accepted
        } catch {
            throw Failure(.badData, "\(path): \(error)")
        }
    }

    func score(_ one: AcceptedFeatures, threads: Int) throws -> ScoredFeatures {
        let result = try first.score(one, threads: threads)
        var kept = one
        // It may wait for others until it is written, which takes no features.
        kept.features = Matrix(rows: 0, columns: one.features.columns, values: [])
        return ScoredFeatures(
            accepted: kept, result: result, other: try second.map { try $0.score(one, threads: threads) })
    }

    /// All of a file of features, on a thread of its own.
    func outcome(of path: String, threads: Int) async -> FileOutcome {
        let accepted: [AcceptedFeatures]
        do { accepted = try await read(path) } catch { return FileOutcome(error: error) }
        return await withCheckedContinuation { continuation in
            let body = { @Sendable in
                var outcome = FileOutcome()
                do {
                    for one in accepted { outcome.scored.append(try score(one, threads: threads)) }
                } catch { outcome.error = error }
                continuation.resume(returning: outcome)
            }
            // Where the system gives no thread, this one does.
            if OwnThread.run(name: "vigil-file", stackBytes: 8 << 20, body) != 0 { body() }
        }
    }

    /// What to say of parameters that mean something to a server alone.
    private static func notes(ofServer parameters: [Parameter]) -> [String] {
        parameters.filter { ScoreOptions.ofServer.contains($0.name) }
            .map { "'\($0.name)' beside the features is a server's, and means nothing here" }
    }
}

/// Work on several things at once whose outcomes come in order.
enum InOrder {
    /// How many outcomes wait at most for one that is not there.
    private static let most = 4

    /// Does `work` for each index, `lanes` at a time, and gives `take` the outcomes one by one in order.
    ///
    /// - Parameter work: gets an index, and how many are not done yet
    static func run<Outcome: Sendable>(
        _ count: Int, lanes: Int, isolation: isolated (any Actor)? = #isolation,
        _ work: @escaping @Sendable (_ index: Int, _ left: Int) async -> Outcome,
        take: (Int, Outcome) throws -> Void
    ) async throws {
        var waiting: [Int: Outcome] = [:]
        var (begun, done, taken) = (0, 0, 0)
        try await withThrowingTaskGroup(of: (Int, Outcome).self) { group in
            func begin() {
                while begun < count, begun - done < lanes, begun < taken + most * lanes {
                    let (index, left) = (begun, count - done)
                    group.addTask { (index, await work(index, left)) }
                    begun += 1
                }
            }
            begin()
            while let (index, outcome) = try await group.next() {
                done += 1
                waiting[index] = outcome
                // The next ones are worked on while these are taken.
                begin()
                while let next = waiting.removeValue(forKey: taken) {
                    try take(taken, next)
                    taken += 1
                }
                begin()
            }
        }
    }
}
