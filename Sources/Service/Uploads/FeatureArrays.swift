import Formats
import Numerics
import VadCLIP

extension FeatureCheck {
    /// The decoded array as features with their report; throws what can't be scored.
    public func accept(_ array: DecodedArray) throws(FeatureError) -> (features: Matrix, report: FeatureReport) {
        try accept(
            shape: array.shape, values: array.values, elementType: array.elementType.rawValue,
            order: array.order == .rowMajor ? "C" : "Fortran")
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

/// Feature files on disk, for commands that have no server.
public enum UploadFile {
    /// The array in a file, whose format its first bytes or its name tell; plain bytes are float32 rows of `width`.
    public static func decode(
        _ file: MappedFile, width: Int, limits: ArrayLimits
    ) throws(ArrayDecodingError) -> DecodedArray {
        let format = UploadFormat.named(file.path) ?? (FileKind.detect(file) == .json ? .json : .bytes)
        return try Formats.decode(file, with: UploadDecoder(format: format, width: width, limits: limits))
    }
}
