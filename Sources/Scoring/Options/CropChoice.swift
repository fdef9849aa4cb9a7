public import Formats
import Platform
import VadCLIP

/// Which of several crops of each snippet is scored, of features that hold all of them: [T, crops, width] or [crops, T, width].
public enum CropChoice: Equatable, Sendable {
    /// That of this number, from 0 on.
    case one(Int)
    /// The mean of all crops' rows.
    case mean

    /// Reads a number or `mean`; nil where the text is neither.
    public init?(_ text: String) {
        if text.hasBytes(of: "mean") {
            self = .mean
        } else if let number = ASCII.number(text.utf8, most: 2) {
            self = .one(number)
        } else {
            return nil
        }
    }

    init(_ value: ParameterReader) throws(OptionError) {
        guard let choice = CropChoice(try value.text().asciiLowercase) else {
            throw value.error("is none: expected a number from 0 to 99, or mean for features that hold all crops")
        }
        self = choice
    }

    /// The chosen rows, [T, width]; features without crops stay as they are.
    public func rows(of array: DecodedArray) throws(OptionError) -> DecodedArray {
        guard array.shape.count == 3, let axis = FeatureCheck.cropAxis(of: array.shape) else { return array }
        let (crops, rows, width) = (array.shape[axis], array.shape[1 - axis], array.shape[2])
        func start(_ crop: Int, _ row: Int) -> Int { (axis == 0 ? crop * rows + row : row * crops + crop) * width }
        var values: [Float] = []
        values.reserveCapacity(rows * width)
        switch self {
        case .one(let crop):
            guard crop < crops else {
                throw OptionError(
                    name: "crop",
                    problem:
                        "\(crop) is none of crops 0 to \(crops - 1) that the features of shape \(array.shape) hold")
            }
            for row in 0..<rows { values += array.values[start(crop, row)..<start(crop, row) + width] }
        case .mean:
            for row in 0..<rows {
                for column in 0..<width {
                    let sum = (0..<crops).reduce(0.0) { sum, crop in
                        sum + Double(array.values[start(crop, row) + column])
                    }
                    values.append(Float(sum / Double(crops)))
                }
            }
        }
        return DecodedArray(shape: [rows, width], elementType: array.elementType, order: array.order, values: values)
    }
}
