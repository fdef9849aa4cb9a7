import Platform

/// How good a model's scores are on a test list.
public struct Evaluation: Sendable {
    /// The videos, in the list's order.
    public let videos: [EvaluatedVideo]
    /// The classes, the normal one first.
    public let classes: [String]
    /// Frame-level figures of both branches.
    public let coarse: FrameMetrics
    /// Those of the A-Branch.
    public let fine: FrameMetrics
    /// The detection mAP by each protocol.
    public let detection: [DetectionProtocol: DetectionMetrics]
    /// The detections class by class.
    public let detectionByClass: [ClassMetrics]
    let detections: Detections

    /// Measures.
    ///
    /// - Parameters:
    ///   - videos: those that are measured
    ///   - classes: all labels, the normal one first
    ///   - normalTruth: whether the normal class has ground truth in the detection mAP, a normal video as a whole;
    ///     so it is in XD-Violence, and not in UCF-Crime, where the normal class counts 0
    public init(_ videos: [EvaluatedVideo], classes: [String], normalTruth: Bool) {
        self.videos = videos
        self.classes = classes
        coarse = FrameMetrics(videos, .coarse)
        fine = FrameMetrics(videos, .fine)
        let detections = Detections(videos, classes: classes.count, normalTruth: normalTruth)
        self.detections = detections
        detection = Dictionary(uniqueKeysWithValues: DetectionProtocol.allCases.map { ($0, detections.metrics($0)) })
        let once = [Int](repeating: 1, count: videos.count)
        detectionByClass = zip(classes, detections.classes).map { label, own in
            ClassMetrics(
                label: label, intervals: own.truths.reduce(0, +), proposals: own.proposals.count,
                atOverlap: own.averagePrecisions(weights: once)?.map { 100 * $0 })
        }
    }

    /// Figures of one branch.
    public func frames(_ branch: Branch) -> FrameMetrics { branch == .coarse ? coarse : fine }

    /// The mAP of a protocol.
    public func map(_ kind: DetectionProtocol) -> DetectionMetrics { detection[kind] ?? detections.metrics(kind) }

    /// What is doubtful about annotations where the videos' lengths are known.
    public var doubts: [String] {
        TestSet.doubts(videos.map { ($0.name, $0.intervals, $0.frames) }).map(\.description)
    }

    /// Snippets of all videos.
    public var snippets: Int { videos.reduce(0) { $0 + $1.snippets } }
    /// Frames that are annotated as abnormal.
    public var anomalousFrames: Int { videos.reduce(0) { $0 + $1.positives.reduce(0, +) } }
    /// Videos that are not normal.
    public var abnormalVideos: Int { videos.count { !$0.isNormal } }
}

/// Frame-level figures of one branch; each is nil where it is not defined, without abnormal or without normal frames.
public struct FrameMetrics: Sendable, Equatable {
    /// Area under the ROC curve.
    public let auc: Double?
    /// Average precision.
    public let ap: Double?
    /// AUC over the abnormal videos alone (Ano-AUC).
    public let abnormalAUC: Double?
    /// AP over the abnormal videos alone.
    public let abnormalAP: Double?

    /// Measures one branch.
    public init(_ videos: [EvaluatedVideo], _ branch: Branch) {
        let all = Ranking(videos, branch).figures()
        let abnormal = Ranking(videos, branch) { !$0.isNormal }.figures()
        auc = all.auc
        ap = all.ap
        abnormalAUC = abnormal.auc
        abnormalAP = abnormal.ap
    }
}
