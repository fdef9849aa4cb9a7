import Formats
import Numerics
import Platform
import VadCLIP

extension FeatureCheck {
    /// The decoded array as features with their report; throws what can't be scored.
    public func accept(_ array: DecodedArray) throws(FeatureError) -> (features: Matrix, report: FeatureReport) {
        try accept(
            shape: array.shape, values: array.values, elementType: array.elementType.rawValue,
            order: array.order == .rowMajor ? "C" : "Fortran", isTypeAssumed: array.isTypeAssumed)
    }
}

extension DecodedArray {
    /// SHA-256 of the values as float32, little-endian, row after row: the same for the same numbers in any format.
    public var digest: String {
        #if _endian(little)
            return values.withUnsafeBytes { SHA256.hexDigest(of: $0) }
        #else
            return values.map(\.bitPattern.littleEndian).withUnsafeBytes { SHA256.hexDigest(of: $0) }
        #endif
    }
}
