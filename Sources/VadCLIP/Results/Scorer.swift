import Tensors

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
///
/// Not `Sendable`: it holds one thread's scratch memory.
public final class Scorer {
    private let chunkScorer: ChunkScorer
    private let model: Model

    /// Reserves scratch memory for the model.
    ///
    /// - Parameters:
    ///   - model: the model
    ///   - second: a second thread while a video is scored, for as long as there is one; the logits are the same bits
    public init(model: Model, second: (any PartSharing)? = nil) {
        self.model = model
        chunkScorer = ChunkScorer(model: model, second: second)
    }

    /// Logits of features [T, d] against `classes` (the model's own by default).
    ///
    /// - Parameters:
    ///   - features: [T, d]
    ///   - classes: what the A-Branch compares with; the model's own by default
    ///   - range: the chunks to score, all of them by default; the logits are those of their snippets
    public func logits(of features: Matrix, classes: ClassFeatures? = nil, chunks range: Range<Int>? = nil) -> Logits {
        let width = features.columns
        precondition(width == model.configuration.width, "features as wide as the model")
        let classes = classes ?? model.classes
        let chunks = Chunks(snippets: features.rows, length: model.configuration.length)
        let range = range ?? 0..<chunks.count
        let first = range.lowerBound * chunks.length
        let snippets = max(0, min(range.upperBound * chunks.length, chunks.snippets) - first)
        var logits = Logits(snippets: snippets, classes: classes.labels.count)
        for chunk in range {
            let rows = chunks[chunk]
            chunkScorer.score(
                features.values[rows.lowerBound * width..<rows.upperBound * width], classes: classes,
                coarse: &logits.coarse, fine: &logits.fine, offset: rows.lowerBound - first)
        }
        return logits
    }
}
