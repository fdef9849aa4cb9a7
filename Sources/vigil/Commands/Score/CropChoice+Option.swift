import Formats
import Platform
import Scoring

/// A choice of crops as an option of `vigil score`.
extension CropChoice {
    /// What `--crop` says.
    init(option text: String) throws(Failure) {
        if let choice = CropChoice(text) {
            self = choice
        } else if text.hasBytes(of: "all") {
            throw Failure(.usage, "--crop all: expected one crop here; vigil extract makes features of all")
        } else {
            throw Failure(.usage, "--crop \(quoted(text)): expected 0 to 9, or mean for features that hold all crops")
        }
    }

    /// The chosen rows of a file's array.
    func rows(of array: DecodedArray, label: String) throws(Failure) -> DecodedArray {
        do throws(OptionError) { return try rows(of: array) } catch {
            throw Failure(.badData, "\(label): --crop \(error.problem)")
        }
    }
}
