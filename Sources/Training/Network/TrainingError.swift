import CLIP
import Tensors
import VadCLIP

/// A training that can't begin or go on, and why.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    /// A number of the step that is not finite: the loss, or the gradient of a tensor.
    case diverged(step: Int, what: String, cause: Cause)
    /// A tensor that is missing or wrong.
    case badWeights(WeightError)
    /// A shape or settings of the model that don't fit.
    case badModel(ModelError)
    /// Labels that the text tower can't take.
    case badText(TextTowerError)

    /// What most likely made a number not finite.
    public enum Cause: Equatable, Sendable {
        /// The steps before it.
        case rate
        /// The weights that it began with: no step was made from them.
        case start
        /// Features of this file, empty where it is not known, whose values are like nothing that CLIP makes.
        case features(file: String, largest: Float)

        fileprivate var text: String {
            switch self {
            case .rate: "a lower learning rate may help"
            case .start: "no step was made before it, so that the weights that it began with can't be learned from"
            case .features(let file, let largest):
                (file.isEmpty ? "features" : "the features of \(file)")
                    + " have values up to \(largest), which CLIP's never have"
            }
        }
    }

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .diverged(let step, let what, let cause):
            "the training diverged: in step \(step) \(what) is not finite; \(cause.text)"
        case .badWeights(let error): error.description
        case .badModel(let error): error.description
        case .badText(let error): error.description
        }
    }
}
