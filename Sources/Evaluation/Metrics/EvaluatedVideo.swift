public import Datasets
import Platform
public import VadCLIP

/// A video of a test list with a model's scores and what people saw in it.
///
/// Scores are in double precision here, so that what differs in its logits differs in its scores.
public struct EvaluatedVideo: Sendable, Equatable {
    /// The video's name.
    public let name: String
    /// The classes that its label names, by rising index; `[0]` is a normal video.
    public let labels: [Int]
    /// Coarse scores, sigmoids, [T].
    public private(set) var coarse: [Double]
    /// The coarse scores as they are served, in single precision, [T].
    public let served: [Float]
    /// Fine scores, by the model's readout, [T, K], row-major.
    public let fine: [Double]
    /// What is abnormal in it, in the annotations' order; of a normal video nothing.
    public let intervals: [AnnotatedInterval]
    /// The class that stands highest in the video as a whole, by the means that training compares with labels.
    public let predicted: Int
    /// Frames of each snippet that an interval covers, 0 to 16, [T]. What lies behind the last snippet is cut off.
    public let positives: [Int]

    /// Takes a video's logits and its annotations.
    ///
    /// - Parameters:
    ///   - name: the video
    ///   - labels: indexes of its classes
    ///   - logits: [T] and [T, K]
    ///   - classes: all labels, the normal one first
    ///   - kind: of the model that the logits are of
    ///   - intervals: where events are, in frames
    public init(
        name: String, labels: [Int], logits: Logits, classes: [String], kind: ModelKind = .vadCLIP,
        intervals: [AnnotatedInterval]
    ) {
        let readout = kind.readout
        precondition(logits.classes == classes.count, "a fine logit a class")
        self.name = name
        self.labels = labels
        coarse = logits.coarse.map { 1 / (1 + exp(-Double($0))) }
        served = Scores(logits, labels: classes, readout: readout).coarse
        fine = readout.preciseFine(logits)
        let means = VideoSummary(logits, labels: classes).scores
        predicted = means.indices.max { means[$0] < means[$1] } ?? 0
        let isNormal = labels == [0]
        self.intervals = isNormal ? [] : intervals
        positives = Self.positives(self.intervals, snippets: logits.snippets)
    }

    /// Snippets T.
    public var snippets: Int { coarse.count }
    /// Frames, 16 T.
    public var frames: Int { snippets * Self.snippet }
    /// Whether its label is the normal class alone.
    public var isNormal: Bool { labels == [0] }
    /// Classes K.
    public var classes: Int { snippets == 0 ? 0 : fine.count / snippets }
    /// Frames of a snippet.
    static let snippet = ModelConfiguration.framesPerSnippet

    /// The video with the coarse scores that a threshold meets where it is used.
    public var asServed: EvaluatedVideo {
        var video = self
        video.coarse = served.map { Double($0) }
        return video
    }

    /// Scores of one branch, [T].
    public func scores(_ branch: Branch) -> [Double] {
        branch == .coarse ? coarse : (0..<snippets).map { 1 - fine[$0 * classes] }
    }

    /// Frames that intervals cover, each counted once though intervals overlap.
    private static func positives(_ intervals: [AnnotatedInterval], snippets: Int) -> [Int] {
        var covered = [Int](repeating: 0, count: snippets)
        var end = 0
        for interval in intervals.map(\.frames).sorted(by: { $0.lowerBound < $1.lowerBound }) {
            var at = max(interval.lowerBound, end)
            let last = min(interval.upperBound, snippets * snippet)
            while at < last {
                let next = min(last, (at / snippet + 1) * snippet)
                covered[at / snippet] += next - at
                at = next
            }
            end = max(end, last)
        }
        return covered
    }
}

/// The two scores that a frame has.
public enum Branch: String, Sendable, CaseIterable {
    /// C-Branch: the sigmoid of the coarse logit.
    case coarse
    /// One less the normal class's fine score: the A-Branch's softmax in VadCLIP.
    case fine
}
