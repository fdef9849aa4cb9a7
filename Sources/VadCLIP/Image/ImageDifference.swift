import Formats
import Platform
import Tensors

/// How far from float32's feature that of an arithmetic of fewer bits is, of the image of the self-test.
public struct ImageDifference: Sendable, Equatable {
    /// The lowest cosine with which an arithmetic can be used at all: another way of resizing frames moves features by as much.
    static let leastCosine: Float = 0.99

    /// The largest difference of a number.
    public let largest: Float
    /// The cosine of both.
    public let cosine: Float

    /// Nil where an arithmetic that far off is not to be used.
    init?(largest: Float, cosine: Float) {
        // Rounding may bring the cosine of nearly equal rows above 1.
        guard largest >= 0, largest < .infinity, cosine >= Self.leastCosine, cosine < 1.001 else { return nil }
        self.largest = largest
        self.cosine = min(cosine, 1)
    }

    /// How far `found` is from `exact`.
    init?(_ found: [Float], from exact: [Float]) {
        var (product, own, other) = (0.0, 0.0, 0.0)
        for (a, b) in zip(found, exact) {
            product += Double(a) * Double(b)
            own += Double(a) * Double(a)
            other += Double(b) * Double(b)
        }
        let lengths = own.squareRoot() * other.squareRoot()
        self.init(
            largest: SelfTest.worst(found, exact), cosine: lengths > 0 ? Float(product / lengths) : .nan)
    }

    /// Reads what `text` writes.
    init?(_ text: String) {
        let parts = text.pieces(between: ASCII.space).map { Float($0) }
        guard parts.count == 2, let largest = parts[0], let cosine = parts[1] else { return nil }
        self.init(largest: largest, cosine: cosine)
    }

    var text: String { "\(largest) \(cosine)" }

    /// What was recorded of each arithmetic of fewer bits that can be used.
    static func recorded(in tensors: SafetensorsFile) -> [Compute: ImageDifference] {
        var differences: [Compute: ImageDifference] = [:]
        for compute in Compute.allCases where compute != .float32 {
            differences[compute] = tensors.metadata[key(compute)].flatMap { ImageDifference($0) }
        }
        return differences
    }

    /// Where the metadata have it.
    static func key(_ compute: Compute) -> ByteText { ByteText(ModelFile.Key.imageCompute + compute.rawValue) }
}
