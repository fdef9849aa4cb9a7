/// The ways in which the detection mAP is counted; they differ in which videos and which classes count.
public enum DetectionProtocol: String, Sendable, CaseIterable {
    /// The published code's: all videos, all classes with the normal one.
    case published
    /// The published code's with `excludeNormal`: the abnormal videos, all classes, of which the normal one counts 0.
    case abnormalVideos = "abnormal_videos"
    /// All videos, the abnormal classes.
    case withoutNormalClass = "without_normal_class"
    /// The paper's words: the abnormal videos, the abnormal classes.
    case abnormalOnly = "abnormal_videos_without_normal_class"

    /// Which videos and classes count, in a few words.
    public var title: String {
        switch self {
        case .published: "published code: all videos, all classes"
        case .abnormalVideos: "excludeNormal: abnormal videos, all classes"
        case .withoutNormalClass: "all videos, without the normal class"
        case .abnormalOnly: "paper's words: abnormal videos, without the normal class"
        }
    }

    var hasNormalVideos: Bool { self == .published || self == .withoutNormalClass }
    var hasNormalClass: Bool { self == .published || self == .abnormalVideos }
}

/// The mean average precision at IoU 0.1 to 0.5, in percent.
public struct DetectionMetrics: Sendable, Equatable {
    /// At each of ``thresholds``.
    public let atOverlap: [Double]
    /// Their mean.
    public var average: Double { atOverlap.reduce(0, +) / Double(atOverlap.count) }
    /// Whether a class without any proposal made it 0, as the published code has it.
    public let isVoid: Bool

    /// The IoU that a hit takes, 0.1 to 0.5.
    public static let thresholds = ClassDetections.thresholds
    /// Those, as JSON's keys and tables have them.
    public static let thresholdNames = ["0.1", "0.2", "0.3", "0.4", "0.5"]
}

/// One class's detections.
public struct ClassMetrics: Sendable, Equatable {
    /// The class.
    public let label: String
    /// Annotated intervals.
    public let intervals: Int
    /// Proposals in all videos.
    public let proposals: Int
    /// Average precision at each IoU over all videos, in percent; nil where the class has no proposal.
    public let atOverlap: [Double]?
    /// Their mean.
    public var average: Double? { atOverlap.map { $0.reduce(0, +) / Double($0.count) } }
}

/// The detections of all classes, found and matched once, from which each protocol counts.
struct Detections: Sendable {
    let classes: [ClassDetections]
    private let isNormal: [Bool]

    init(_ videos: [EvaluatedVideo], classes count: Int, normalTruth: Bool) {
        classes = (0..<count).map { ClassDetections(of: $0, in: videos, normalTruth: normalTruth) }
        isNormal = videos.map(\.isNormal)
    }

    /// The mAP by a protocol.
    ///
    /// - Parameter weights: how many times each video counts; once each by default
    func metrics(_ kind: DetectionProtocol, weights: [Int]? = nil) -> DetectionMetrics {
        var weights = weights ?? [Int](repeating: 1, count: isNormal.count)
        if !kind.hasNormalVideos { for video in weights.indices where isNormal[video] { weights[video] = 0 } }
        let counted = kind.hasNormalClass ? classes[...] : classes.dropFirst()
        var sums = [Double](repeating: 0, count: ClassDetections.thresholds.count)
        for detections in counted {
            guard let own = detections.averagePrecisions(weights: weights) else {
                return DetectionMetrics(atOverlap: sums.map { _ in 0 }, isVoid: true)
            }
            for index in sums.indices { sums[index] += own[index] }
        }
        return DetectionMetrics(atOverlap: sums.map { 100 * $0 / Double(max(1, counted.count)) }, isVoid: false)
    }
}
