import Tensors
import VadCLIP

/// What a training computes, apart from its data: the network, the losses and the optimizer.
public struct TrainingSettings: Sendable, Equatable {
    /// Shape, window and labels.
    public var model: ModelConfiguration
    /// Learned positions of a text before a label's words.
    public var prefix = 10
    /// Learned positions behind them.
    public var postfix = 10
    /// What the contrast loss counts: 0.1 for UCF-Crime, 1e-4 for XD-Violence.
    public var contrastWeight: Float = 0.1
    /// AdamW's numbers but for the learning rate.
    public var optimizer = AdamW()
    /// Parts that are left out.
    public var without: Set<Ablation> = []

    /// The published settings for `model`.
    public init(model: ModelConfiguration) { self.model = model }

    /// Throws where parts are left out with which nothing of a video reaches its scores: the join takes both graphs' halves,
    /// and the rows before them by their convolutions alone.
    func checkParts() throws(RunError) {
        guard without.isSuperset(of: [.similarity, .distance]), !without.contains(.global) else { return }
        throw .badSetting(
            "--without similarity,distance leaves nothing of a video that could reach its scores, as the join takes the "
                + "graphs' halves alone: --without global leaves both graphs out, and the rows before them are joined")
    }
}

/// A part of the method that can be left out, to see what it is worth. The raw value is its name on the command line.
public enum Ablation: String, Sendable, CaseIterable, Comparable {
    /// The local module: X + P goes to the global one as it is.
    case local
    /// The global module, both graphs: the rows before it go through the join's Linear alone, V = Linear(x). Without the
    /// local module too, V = Linear(X + P) and the LGT-Adapter is gone.
    case global
    /// The similarity graph: its half of what is joined is zero.
    case similarity
    /// The distance graph: its half of what is joined is zero. Without both graphs nothing is joined: that is ``global``.
    case distance
    /// The learnable prompt: text features are those of "a video of LABEL", and constant.
    case learnablePrompt = "learnable-prompt"
    /// The visual prompt: text features go to MLP1 and to the cosine as they are, u = t + MLP1(t).
    case visualPrompt = "visual-prompt"
    /// The visual prompt's attention: it is the mean of the valid rows of V, brought to length 1, in place of the sum
    /// that the coarse logits weigh.
    case promptAttention = "prompt-attention"
    /// The A-Branch with its two losses: the coarse loss trains alone, and fine logits are 0.
    case alignment = "a-branch"

    /// By name.
    public static func < (left: Ablation, right: Ablation) -> Bool { left.rawValue < right.rawValue }
}
