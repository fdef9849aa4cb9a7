import Numerics

/// The cut of a video of T snippets into chunks of L.
public struct Chunks: Sendable, Equatable {
    /// Snippets T.
    public let snippets: Int
    /// L, the most snippets of a chunk.
    public let length: Int

    /// Cuts T snippets into chunks of L.
    public init(snippets: Int, length: Int) {
        self.snippets = snippets
        self.length = length
    }

    /// How many there are; a T that is a multiple of L needs no extra one.
    public var count: Int { (snippets + length - 1) / length }

    /// Snippets of one chunk.
    public subscript(chunk: Int) -> Range<Int> {
        chunk * length..<min((chunk + 1) * length, snippets)
    }
}

/// Scores whole videos on the calling thread: a matrix in, logits out.
public struct Scorer {
    private let chunkScorer: ChunkScorer
    private let model: Model

    /// Reserves scratch memory for the model.
    public init(model: Model) {
        self.model = model
        chunkScorer = ChunkScorer(model: model)
    }

    /// Logits of features [T, d] against `classes` (the model's own by default).
    public func logits(of features: Matrix, classes: ClassFeatures? = nil) -> Logits {
        precondition(features.columns == model.configuration.width, "features as wide as the model")
        let classes = classes ?? model.classes
        var logits = Logits(snippets: features.rows, classes: classes.labels.count)
        let chunks = Chunks(snippets: features.rows, length: model.configuration.length)
        for chunk in 0..<chunks.count {
            let range = chunks[chunk]
            chunkScorer.score(
                features.values[range.lowerBound * features.columns..<range.upperBound * features.columns],
                classes: classes, coarse: &logits.coarse, fine: &logits.fine, offset: range.lowerBound)
        }
        return logits
    }
}
