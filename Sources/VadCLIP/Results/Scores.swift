/// Scores of a video's snippets, from its logits.
public struct Scores: Sendable, Equatable {
    /// Class labels, the normal class first.
    public let labels: [String]
    /// sigmoid of the coarse logits, [T].
    public let coarse: [Float]
    /// Scores of the classes by the family's readout, [T, K], row-major.
    public let fine: [Float]

    /// Computes both from the logits.
    public init(_ logits: Logits, labels: [String], readout: any Readout) {
        self.init(logits, labels: labels, coarse: logits.coarse.map { sigmoid($0) }, readout: readout)
    }

    /// Computes the fine scores, and takes the coarse ones as they are.
    init(_ logits: Logits, labels: [String], coarse: [Float], readout: any Readout = SoftmaxReadout()) {
        self.labels = labels
        self.coarse = coarse
        fine = readout.fine(logits)
    }

    /// Fine score of a class at a snippet.
    public func fine(_ snippet: Int, _ label: Int) -> Float { fine[snippet * labels.count + label] }
}

/// The model's raw output for a video: what scores are made of.
public struct Logits: Sendable, Equatable {
    /// Snippets T.
    public let snippets: Int
    /// Classes K.
    public let classes: Int
    /// C-Branch, [T].
    public var coarse: [Float]
    /// A-Branch, [T, K], row-major: cosines over the temperature.
    public var fine: [Float]

    /// Zeros for T snippets and K classes, to be filled chunk by chunk.
    public init(snippets: Int, classes: Int) {
        self.snippets = snippets
        self.classes = classes
        coarse = [Float](repeating: 0, count: snippets)
        fine = [Float](repeating: 0, count: snippets * classes)
    }

    /// Logits that are there already: `coarse` [T], `fine` [T, K].
    public init(snippets: Int, classes: Int, coarse: [Float], fine: [Float]) {
        precondition(coarse.count == snippets && fine.count == snippets * classes, "T and T × K logits")
        self.snippets = snippets
        self.classes = classes
        self.coarse = coarse
        self.fine = fine
    }

    /// Fine logits of one snippet, [K].
    public func fine(of snippet: Int) -> ArraySlice<Float> { fine[snippet * classes..<(snippet + 1) * classes] }

    /// The first snippet whose logits are not finite, if there is one.
    public var firstNotFinite: Int? {
        for snippet in 0..<snippets {
            if !coarse[snippet].isFinite || fine(of: snippet).contains(where: { !$0.isFinite }) { return snippet }
        }
        return nil
    }
}

/// What can be said of a video as a whole: the means that training compares with the video's label.
///
/// Spec: "Training". k = T / 16 + 1, of T snippets at most.
public struct VideoSummary: Sendable, Equatable {
    /// Mean of the k highest coarse scores.
    public let coarse: Float
    /// The class with the highest score.
    public let label: String
    /// Softmax over the classes of the mean of each one's k highest fine logits, in the labels' order.
    public let scores: [Float]

    /// Sums up the logits.
    public init(_ logits: Logits, labels: [String]) {
        let k = min(logits.snippets, logits.snippets / 16 + 1)
        coarse = Self.meanOfHighest(k, logits.coarse.lazy.map { sigmoid($0) })
        var means = (0..<logits.classes).map { label in
            Self.meanOfHighest(k, (0..<logits.snippets).lazy.map { logits.fine[$0 * logits.classes + label] })
        }
        means.withUnsafeMutableBufferPointer { softmax($0) }
        scores = means
        let best = means.indices.max { means[$0] < means[$1] } ?? 0
        label = labels[best]
    }

    /// Keeps the highest so far: of up to 2k that are kept, the lower half is dropped whenever they are that many.
    private static func meanOfHighest(_ k: Int, _ values: some Sequence<Float>) -> Float {
        guard k > 0 else { return 0 }
        var highest: [Float] = []
        highest.reserveCapacity(2 * k)
        var least = -Float.infinity
        for value in values where value > least || highest.count < k {
            highest.append(value)
            guard highest.count == 2 * k else { continue }
            highest.sort(by: >)
            highest.removeLast(k)
            least = highest[k - 1]
        }
        return highest.sorted(by: >).prefix(k).reduce(0, +) / Float(k)
    }
}
