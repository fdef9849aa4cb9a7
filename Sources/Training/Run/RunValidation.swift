public import Datasets
public import Evaluation
import JSON
import Platform
public import Tensors
public import VadCLIP

/// The videos that weights are validated on, and the figures that come of them.
public struct RunValidation: Sendable {
    /// What the list holds.
    public let summary: ListSummary
    /// What is doubtful about it.
    public let notes: [String]
    /// SHA-256 of the list.
    public let digest: String
    /// SHA-256 of the feature files' names and sizes.
    let featuresDigest: String
    /// Snippets of all videos.
    public let snippets: Int
    private let videos: [Video]
    private let files: [String]
    private let classes: [String]
    private let width: Int
    private let truth: Truth?
    private var hasFrames: Bool { truth != nil }
    private let normalTruth: Bool

    /// Looks at a validation list and its features; throws all that is wrong with them.
    ///
    /// - Parameters:
    ///   - list: the rows
    ///   - annotations: abnormal intervals; where there are none, whole videos are validated by their labels
    ///   - spelling: how the lists write labels
    ///   - folder: where the features are
    ///   - width: d of the features
    ///   - normalTruth: whether the normal class has ground truth in the detection mAP
    ///   - isThorough: whether each feature file is read; else its header is
    public init(
        _ list: VideoList, annotations: Annotations?, spelling: LabelSpelling, in folder: FeatureFolder, width: Int,
        normalTruth: Bool, isThorough: Bool
    ) throws {
        let labels = try list.classes(spelling)
        let audit = FeatureAudit(
            list, classes: labels, spelling: spelling, in: folder, width: width, of: .textTower, for: .testing,
            isThorough: isThorough)
        guard audit.errors.isEmpty else { throw DataFaults(audit) }
        guard labels.contains([0]), labels.contains(where: { $0 != [0] }) else {
            throw DataFaults(["\(list.path) has to have normal and abnormal videos to validate on"])
        }
        summary = audit.summary
        var notes = audit.findings.map(\.description)
        if let annotations {
            let set = try TestSet(list, annotations: annotations, spelling: spelling)
            notes += set.notes + set.doubts(snippets: audit.snippets).map(\.description)
            guard zip(list.rows, labels).contains(where: { $1 != [0] && annotations[$0.video.name]?.isEmpty == false })
            else {
                throw DataFaults([
                    "\(annotations.path) has no interval of an abnormal video of \(list.path): a video is named there as its "
                        + "file is, without folders, ending and crop"
                ])
            }
        }
        self.notes = notes
        digest = try TrainingData.digest(of: list.path)
        files = audit.files.compactMap { $0 }
        featuresDigest = try folder.digest(of: files)
        snippets = audit.snippets.reduce(0) { $0 + ($1 ?? 0) }
        classes = spelling.classes
        self.width = width
        truth = try annotations.map { annotations in
            Truth(
                digest: try TrainingData.digest(of: annotations.path), framesPerSecond: annotations.framesPerSecond,
                inSeconds: annotations.inSeconds)
        }
        self.normalTruth = normalTruth
        videos = zip(list.rows, labels).map { row, labels in
            Video(
                name: row.video.name, labels: labels,
                intervals: labels == [0] ? [] : annotations?[row.video.name] ?? [])
        }
    }

    /// What the videos' intervals were read of, and how.
    private struct Truth {
        let digest: String
        let framesPerSecond: Double?
        let inSeconds: Bool
    }

    /// A video and what people saw in it.
    private struct Video {
        let name: String
        let labels: [Int]
        let intervals: [AnnotatedInterval]
    }

    /// Snippets that are read and scored at a time.
    private static let snippetsAtOnce = 4_096

    /// The videos with the scores that `score` gives their features.
    public func evaluated(_ score: ([Matrix]) -> [Logits]) throws(DatasetError) -> [EvaluatedVideo] {
        var evaluated: [EvaluatedVideo] = []
        var waiting: [Matrix] = []
        func flush() throws(DatasetError) {
            for logits in score(waiting) {
                let (video, file) = (videos[evaluated.count], files[evaluated.count])
                if let snippet = logits.firstNotFinite {
                    throw DatasetError(.badData, "\(file): the scores of snippet \(snippet) are not finite")
                }
                evaluated.append(
                    EvaluatedVideo(
                        name: video.name, labels: video.labels, logits: logits, classes: classes, kind: .vadCLIP,
                        intervals: video.intervals))
            }
            waiting = []
        }
        for file in files {
            waiting.append(try FeatureFile.features(file, width: width).features)
            if waiting.reduce(0, { $0 + $1.rows }) >= Self.snippetsAtOnce { try flush() }
        }
        try flush()
        return evaluated
    }

    /// The figures of videos that were scored.
    ///
    /// - Parameters:
    ///   - videos: what was scored
    ///   - hasFine: whether there is an A-Branch, whose scores have figures of their own
    public func figures(of videos: [EvaluatedVideo], hasFine: Bool = true) -> [RunSettings.Metric: Double] {
        var figures: [RunSettings.Metric: Double] = [:]
        figures[.aucVideo] = videoAUC(videos)
        guard hasFrames else { return figures }
        let evaluation = Evaluation(videos, classes: classes, normalTruth: normalTruth)
        figures[.aucCoarse] = evaluation.coarse.auc
        figures[.apCoarse] = evaluation.coarse.ap
        guard hasFine else { return figures }
        figures[.aucFine] = evaluation.fine.auc
        figures[.apFine] = evaluation.fine.ap
        figures[.mapAverage] = evaluation.map(.published).average
        return figures
    }

    /// Names of the videos.
    var names: Set<ByteText> { Set(videos.map { ByteText($0.name) }) }

    /// Whether a metric can be had here.
    public func has(_ metric: RunSettings.Metric) -> Bool { hasFrames || metric == .aucVideo }

    /// Share of pairs of an abnormal and a normal video in which the abnormal one's highest coarse scores have the higher
    /// mean; a tie counts half.
    private func videoAUC(_ videos: [EvaluatedVideo]) -> Double {
        let scores = videos.map { (score: Self.highest($0.coarse), isNormal: $0.isNormal) }
        var wins = 0.0
        let normal = scores.filter(\.isNormal).map(\.score)
        for video in scores where !video.isNormal {
            wins += normal.reduce(0.0) { $0 + (video.score > $1 ? 1 : video.score == $1 ? 0.5 : 0) }
        }
        return wins / Double(normal.count * (scores.count - normal.count))
    }

    private static func highest(_ scores: [Double]) -> Double {
        let count = min(scores.count, scores.count / 16 + 1)
        return scores.sorted(by: >).prefix(count).reduce(0, +) / Double(count)
    }

    /// Writes what is remembered of the list as members of a JSON object.
    func write(to json: inout JSONWriter) {
        json.member("list_sha256", digest)
        json.member("videos", summary.videos)
        json.member("annotated", hasFrames)
        json.member("annotations_sha256", truth?.digest)
        json.member("frames_per_second", truth?.framesPerSecond)
        json.member("in_seconds", truth?.inSeconds ?? false)
        json.member("normal_truth", normalTruth)
    }
}
