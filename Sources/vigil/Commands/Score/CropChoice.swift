import Formats
import Platform
import VadCLIP

/// Which of several crops of each snippet is scored, of features that hold all of them: [T, crops, width] or [crops, T, width].
enum CropChoice: Equatable, Sendable {
    /// That of this number, from 0 on.
    case one(Int)
    /// The mean of all crops' rows.
    case mean

    /// What `--crop` says.
    init(_ text: String) throws(Failure) {
        if text.hasBytes(of: "mean") {
            self = .mean
        } else if let number = ASCII.number(text.utf8, most: 2) {
            self = .one(number)
        } else if text.hasBytes(of: "all") {
            throw Failure(.usage, "--crop all: expected one crop here; vigil extract makes features of all")
        } else {
            throw Failure(.usage, "--crop \(quoted(text)): expected 0 to 9, or mean for features that hold all crops")
        }
    }

    /// The chosen rows, [T, width]; features without crops stay as they are.
    func rows(of array: DecodedArray, label: String) throws(Failure) -> DecodedArray {
        guard array.shape.count == 3, let axis = FeatureCheck.cropAxis(of: array.shape) else { return array }
        let (crops, rows, width) = (array.shape[axis], array.shape[1 - axis], array.shape[2])
        func start(_ crop: Int, _ row: Int) -> Int { (axis == 0 ? crop * rows + row : row * crops + crop) * width }
        var values: [Float] = []
        values.reserveCapacity(rows * width)
        switch self {
        case .one(let crop):
            guard crop < crops else {
                throw Failure(
                    .badData,
                    "\(label): the features have the shape \(array.shape), crops 0 to \(crops - 1): --crop \(crop) is none of them"
                )
            }
            for row in 0..<rows { values += array.values[start(crop, row)..<start(crop, row) + width] }
        case .mean:
            for row in 0..<rows {
                for column in 0..<width {
                    let sum = (0..<crops).reduce(0.0) { $0 + Double(array.values[start($1, row) + column]) }
                    values.append(Float(sum / Double(crops)))
                }
            }
        }
        return DecodedArray(shape: [rows, width], elementType: array.elementType, order: array.order, values: values)
    }
}
