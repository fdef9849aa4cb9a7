import Numerics

/// A model that can't be used, and why.
public enum ModelError: Error, Equatable, CustomStringConvertible {
    /// A setting out of range.
    case badSetting(name: String, value: String, expected: String)
    /// A tensor that is missing or wrong.
    case badWeights(WeightError)
    /// A file that is not a model file of this version.
    case notAModel(String)
    /// Scores of the self-test that the running kernels did not reproduce.
    case selfTestFailed(kernels: String, difference: Float, tolerance: Float)
    /// Labels that can't be scored against.
    case badLabels(String)
    /// The text tower was not kept at import.
    case noTextTower(model: String, isTrained: Bool)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .badSetting(let name, let value, let expected):
            "the model's \(name) is \(value): expected \(expected)"
        case .badWeights(let error): error.description
        case .notAModel(let reason): reason
        case .selfTestFailed(let kernels, let difference, let tolerance):
            "the self-test failed: with the \(kernels) kernels a logit differs by \(difference) from the one recorded "
                + "at import, at most \(tolerance) is allowed"
        case .badLabels(let reason): reason
        case .noTextTower(let model, let isTrained):
            "model '\(model)' has no text tower, so it scores its own labels only: "
                + (isTrained
                    ? "import it with --keep-text-tower and --vocab, CLIP's vocabulary"
                    : "it is untrained, as the embedded demo model is; name one by --model that was imported with "
                        + "--keep-text-tower and --vocab, CLIP's vocabulary")
        }
    }
}
