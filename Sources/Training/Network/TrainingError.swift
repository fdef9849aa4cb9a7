import CLIP
import Tensors
import VadCLIP

/// A training that can't begin or go on, and why.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    /// A number of the step that is not finite: the loss, or the gradient of a tensor.
    case diverged(step: Int, what: String)
    /// A setting out of range.
    case badSetting(name: String, value: String, expected: String)
    /// A tensor that is missing or wrong.
    case badWeights(WeightError)
    /// A shape or settings of the model that don't fit.
    case badModel(ModelError)
    /// Labels that the text tower can't take.
    case badText(TextTowerError)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .diverged(let step, let what):
            "the training diverged: in step \(step) \(what) is not finite; a lower learning rate may help"
        case .badSetting(let name, let value, let expected): "\(name) is \(value): expected \(expected)"
        case .badWeights(let error): error.description
        case .badModel(let error): error.description
        case .badText(let error): error.description
        }
    }
}
