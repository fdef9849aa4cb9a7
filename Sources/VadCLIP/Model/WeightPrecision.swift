import CLIP
import Formats
import Tensors

/// How a model file keeps its matrices. Vectors and learned embeddings stay float32. In what products are computed is
/// `Compute`'s to say.
public enum WeightPrecision: String, Sendable, CaseIterable {
    /// As they are.
    case float32
    /// Half the size, 11 bits of precision.
    case float16
    /// Half the size, 8 bits of precision, float32's range.
    case bfloat16
    /// A quarter of the size: 8-bit integers with a scale for each `group` of them along a row.
    case int8

    /// Weights that share a scale.
    static let group = 64

    /// The type of its tensors.
    var elementType: ElementType {
        switch self {
        case .float32: .float32
        case .float16: .float16
        case .bfloat16: .bfloat16
        case .int8: .int8
        }
    }

    /// What the scales of an int8 tensor are called.
    static func scales(of name: String) -> String { name + ".scale" }

    /// Whether a tensor of the network or the text tower is kept in this precision.
    func applies(to name: String, shape: [Int]) -> Bool {
        let learned = [
            ModelFile.Name.positions, TextTower.Names.positions, TextTower.Names.prompt, ImageTower.Names.positions,
        ]
        return self != .float32 && shape.count > 1 && shape[0] > 1 && !learned.contains(name)
    }

    /// The tensors that hold `values` of the first dimension's rows.
    func encode(_ values: [Float], rows: Int, name: String) throws(WeightError) -> (values: [UInt8], scales: [Float]) {
        switch self {
        case .float32:
            return (values.withUnsafeBytes { Array($0) }, [])
        case .float16:
            guard values.allSatisfy({ abs($0) <= 65_504 }) else {
                throw WeightError(name: name, problem: "has values beyond float16's range: bfloat16 has float32's")
            }
            return (Self.bytes(values) { $0.halfBits }, [])
        case .bfloat16:
            return (Self.bytes(values) { $0.brainBits }, [])
        case .int8:
            return Self.quantise(values, rows: rows)
        }
    }

    /// The values that encoding leaves.
    func rounded(_ values: [Float], rows: Int, name: String) throws(WeightError) -> [Float] {
        let (bytes, scales) = try encode(values, rows: rows, name: name)
        return bytes.withUnsafeBytes { bytes in
            switch self {
            case .float32: values
            case .float16: ElementType.float16.floats(bytes)
            case .bfloat16: ElementType.bfloat16.floats(bytes)
            case .int8: Self.scale(ElementType.int8.floats(bytes), by: scales, rows: rows)
            }
        }
    }

    /// Shape of the scales of `rows` rows with `columns` values each.
    static func scaleShape(rows: Int, columns: Int) -> [Int] { [rows, (columns + group - 1) / group] }

    /// Integers times their scales; there must be as many of both as `scaleShape` says.
    static func scale(_ integers: [Float], by scales: [Float], rows: Int) -> [Float] {
        let columns = integers.count / max(rows, 1)
        let groups = (columns + group - 1) / group
        var values = integers
        for row in 0..<rows {
            for column in 0..<columns {
                values[row * columns + column] *= scales[row * groups + column / group]
            }
        }
        return values
    }

    private static func quantise(_ values: [Float], rows: Int) -> (values: [UInt8], scales: [Float]) {
        let columns = values.count / max(rows, 1)
        var scales: [Float] = []
        var bytes: [UInt8] = []
        bytes.reserveCapacity(values.count)
        for row in 0..<rows {
            for start in stride(from: 0, to: columns, by: group) {
                let part = values[row * columns + start..<row * columns + min(start + group, columns)]
                let largest = part.reduce(0) { max($0, abs($1)) }
                let scale = largest / 127
                scales.append(scale)
                for value in part {
                    // A NaN among the weights must not trap here: the self-test's recording refuses it.
                    let integer = scale > 0 && value.isFinite ? (value / scale).rounded(.toNearestOrEven) : 0
                    bytes.append(UInt8(bitPattern: Int8(max(-127, min(127, integer)))))
                }
            }
        }
        return (bytes, scales)
    }

    private static func bytes(_ values: [Float], _ bits: (Float) -> UInt16) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 * values.count)
        for value in values {
            let bits = bits(value)
            bytes.append(UInt8(truncatingIfNeeded: bits))
            bytes.append(UInt8(truncatingIfNeeded: bits >> 8))
        }
        return bytes
    }
}
