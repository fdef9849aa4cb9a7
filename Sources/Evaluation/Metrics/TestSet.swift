public import Datasets
import Dispatch
import Platform
import Synchronization
public import VadCLIP

/// A test list with its ground truth: the videos that are to be scored, in order.
public struct TestSet: Sendable {
    /// A video to be scored.
    public struct Video: Sendable, Equatable {
        /// Its name.
        public let name: String
        /// The classes that its label names.
        public let labels: [Int]
        /// Its abnormal intervals; none of a normal video.
        public let intervals: [AnnotatedInterval]
        /// Its row in the list.
        public let row: VideoList.Row
    }

    /// The videos.
    public let videos: [Video]
    /// The classes, the normal one first.
    public let classes: [String]
    /// What the list holds.
    public let summary: ListSummary
    /// What is doubtful about list and annotations.
    public let notes: [String]
    /// The list.
    public let list: VideoList

    /// Joins a list and annotations.
    ///
    /// - Parameters:
    ///   - list: the rows
    ///   - annotations: where events are
    ///   - spelling: how the lists write labels
    ///   - crop: the one crop whose rows are taken; all rows where it is nil
    public init(
        _ list: VideoList, annotations: Annotations, spelling: LabelSpelling, crop: Int? = nil
    ) throws(DatasetError) {
        let list = if let crop { try list.only(crop: crop) } else { list }
        let labels = try list.classes(spelling)
        videos = zip(list.rows, labels).map { row, labels in
            Video(
                name: row.video.name, labels: labels,
                intervals: labels == [0] ? [] : annotations[row.video.name] ?? [], row: row)
        }
        summary = ListSummary(list, classes: labels, spelling: spelling)
        classes = spelling.classes
        self.list = list
        notes = Self.notes(videos, annotations)
    }

    private static func notes(_ videos: [Video], _ annotations: Annotations) -> [String] {
        var notes: [String] = []
        func note(_ names: [String], _ one: String, _ many: String) {
            guard let first = names.first else { return }
            notes.append(
                names.count == 1 ? "\(quoted(first)) \(one)" : "\(names.count) videos, \(quoted(first)) first, \(many)")
        }
        note(
            videos.filter { $0.labels != [0] && $0.intervals.isEmpty }.map(\.name),
            "is abnormal by its label and has no annotated interval: all its frames count as normal",
            "are abnormal by their labels and have no annotated interval: all their frames count as normal")
        note(
            videos.filter { $0.labels == [0] && annotations[$0.name]?.isEmpty == false }.map(\.name),
            "is normal by its label and has annotated intervals, which are left out",
            "are normal by their labels and have annotated intervals, which are left out")
        note(
            videos.filter { video in video.intervals.contains { !video.labels.contains($0.label) } }.map(\.name),
            "has an annotated interval of a class that its label does not name",
            "have annotated intervals of classes that their labels do not name")
        let named = Set(videos.map { ByteText($0.name) })
        note(
            annotations.videos.filter { !named.contains(ByteText($0)) }, "is annotated and not in the list",
            "are annotated and not in the list")
        return notes + [annotations.doubt].compactMap { $0 }
    }

    /// What is wrong or doubtful in the list itself: a video that it names more than once, a class that it has none of.
    public var findings: [Finding] { list.findings(classes: videos.map(\.labels), summary, for: .testing) }

    /// A video's scores with its ground truth.
    public func evaluated(_ video: Video, _ logits: Logits, kind: ModelKind) -> EvaluatedVideo {
        EvaluatedVideo(
            name: video.name, labels: video.labels, logits: logits, classes: classes, kind: kind,
            intervals: video.intervals)
    }

    /// The videos with logits that are there already, NAME.npy of [T, 1 + K]: the coarse logit, then the fine ones.
    ///
    /// - Parameters:
    ///   - folder: where the logits are
    ///   - kind: of the model that they are of
    ///   - threads: those that read
    ///   - seen: told of each video's logits, from any thread and in any order
    public func evaluated(
        logits folder: FeatureFolder, kind: ModelKind = .vadCLIP, threads: Int,
        seen: @Sendable (Logits) -> Void = { _ in }
    ) throws(DatasetError) -> [EvaluatedVideo] {
        try each(kind, threads: threads) { _, video throws(DatasetError) in
            let logits = try LogitsFile.read(video.row, in: folder, classes: classes.count)
            seen(logits)
            return logits
        }
    }

    /// The videos scored by a model, on so many threads.
    ///
    /// - Parameters:
    ///   - model: the model
    ///   - features: what the A-Branch compares with
    ///   - files: the feature file of each video
    ///   - threads: those that read
    ///   - seen: told of each video's file and features, from any thread and in any order
    public func evaluated(
        by model: Model, classes features: ClassFeatures, files: [String], threads: Int,
        seen: @Sendable (_ file: String, _ report: FeatureReport) -> Void = { _, _ in }
    ) throws(DatasetError) -> [EvaluatedVideo] {
        let width = model.configuration.width
        let kind = model.configuration.kind
        return try each(kind, threads: threads, with: { Scorer(model: model) }) { index, scorer throws(DatasetError) in
            let (rows, report) = try FeatureFile.features(files[index], width: width)
            seen(files[index], report)
            let logits = scorer.logits(of: rows, classes: features)
            if let snippet = logits.firstNotFinite {
                throw DatasetError(.badData, "\(files[index]): the scores of snippet \(snippet) are not finite")
            }
            return logits
        }
    }
}

extension TestSet {
    private func each(
        _ kind: ModelKind, threads: Int, _ body: @Sendable (Int, Video) throws(DatasetError) -> Logits
    ) throws(DatasetError) -> [EvaluatedVideo] {
        try each(kind, threads: threads, with: {}) { index, _ throws(DatasetError) in try body(index, videos[index]) }
    }

    /// Does what makes a video's logits for each of them. The threads take the videos in order, so that of several that fail
    /// the first one is told, whatever their number.
    private func each<Bench>(
        _ kind: ModelKind, threads: Int, with bench: @Sendable () -> Bench,
        _ body: @Sendable (Int, Bench) throws(DatasetError) -> Logits
    ) throws(DatasetError) -> [EvaluatedVideo] {
        let outcomes = Shares<Result<EvaluatedVideo, DatasetError>>(count: videos.count)
        let next = Mutex(0)
        DispatchQueue.concurrentPerform(iterations: max(1, min(threads, videos.count))) { _ in
            let bench = bench()
            while true {
                let index = next.withLock { next in
                    defer { next += 1 }
                    return next
                }
                guard index < videos.count else { return }
                do throws(DatasetError) {
                    outcomes[index] = .success(evaluated(videos[index], try body(index, bench), kind: kind))
                } catch {
                    outcomes[index] = .failure(error)
                    next.withLock { $0 = videos.count }
                }
            }
        }
        var done: [EvaluatedVideo] = []
        for outcome in outcomes.all { done.append(try outcome.get()) }
        return done
    }
}

extension TestSet {
    /// What is doubtful about annotations where the videos' lengths are known; those are nil that are not.
    public func doubts(snippets: [Int?]) -> [Finding] {
        Self.doubts(
            zip(videos, snippets).compactMap { video, snippets in
                snippets.map { (video.name, video.intervals, $0 * EvaluatedVideo.snippet) }
            })
    }

    /// Videos whose intervals are all in their first sixteenth, of which one can tell that frames are counted otherwise.
    private static let fewest = 3
    /// Frames that an interval may go on behind its video, as where the last frames made no row.
    private static let farthest = 10 * EvaluatedVideo.snippet

    /// Intervals that begin behind the last frame of their videos or end far behind it, or that are all where they would be
    /// if rows stood for frames, or times for frames.
    static func doubts(_ videos: [(name: String, intervals: [AnnotatedInterval], frames: Int)]) -> [Finding] {
        let beyond = videos.flatMap { video in
            video.intervals.compactMap { interval -> String? in
                let frames = interval.frames
                let isBehind = frames.lowerBound >= video.frames
                guard isBehind || frames.upperBound > video.frames + max(farthest, video.frames / 8) else { return nil }
                let end = isBehind ? "begins at frame \(frames.lowerBound)" : "ends at frame \(frames.upperBound)"
                return "an annotated interval of \(quoted(video.name)) \(end), and the video has \(video.frames): "
                    + "annotations and features have to count the same frames"
            }
        }
        if !beyond.isEmpty { return [Finding(doubts: beyond)] }
        let annotated = videos.filter { !$0.intervals.isEmpty }
        let areEarly = annotated.allSatisfy { video in
            video.intervals.allSatisfy { $0.frames.upperBound <= video.frames / EvaluatedVideo.snippet }
        }
        guard annotated.count >= fewest, areEarly else { return [] }
        return [
            Finding(
                doubt:
                    "all annotated intervals are in the first sixteenth of their videos: have the files a row for each "
                    + "frame, and not for each \(EvaluatedVideo.snippet), or are the intervals seconds that are read as "
                    + "frames (--seconds)?")
        ]
    }
}
