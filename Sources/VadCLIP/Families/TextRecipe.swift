import CLIP
import Tensors

/// How a family makes text features of labels: at the import, and for other labels where the text tower was kept.
protocol TextRecipe: Sendable {
    /// Learned positions before and behind a label's words in the published models.
    var prompt: (prefix: Int, postfix: Int) { get }

    /// The tensor that shows how wide text features are, and on which of its two axes.
    var output: (tensor: String, axis: Int) { get }

    /// Names and shapes of what it takes beside the transformer's own tensors.
    func tensors(of tower: TextTower.Configuration, in source: some WeightSource) -> [(String, [Int])]

    /// Reads them.
    func style(
        from source: some WeightSource, _ tower: TextTower.Configuration, _ settings: FamilySettings, kernels: Kernels
    ) throws(WeightError) -> any TextStyle
}

extension ModelKind {
    /// The text tower in the family's style; `streaming` as in `TextTower`.
    func textTower(
        from source: some WeightSource, _ tower: TextTower.Configuration, streaming: Bool, kernels: Kernels
    ) throws(WeightError) -> TextTower {
        try TextTower(
            from: source, configuration: tower,
            style: try family.text.style(from: source, tower, settings, kernels: kernels), streaming: streaming,
            kernels: kernels)
    }
}
