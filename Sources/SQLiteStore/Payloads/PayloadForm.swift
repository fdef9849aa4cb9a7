import Compression
import Formats
import Jobs

/// How features are written: in half of the bytes where that loses nothing, deflated where that pays.
enum PayloadForm: Int, Sendable {
    case float32 = 0
    case float16 = 1
    case deflatedFloat32 = 2
    case deflatedFloat16 = 3

    private var isDeflated: Bool { self == .deflatedFloat32 || self == .deflatedFloat16 }
    private var element: ElementType { self == .float16 || self == .deflatedFloat16 ? .float16 : .float32 }

    /// The features in the form that suits them.
    static func encode(_ features: [Float]) -> (form: PayloadForm, body: [UInt8]) {
        let (plain, isHalf) = halves(features).map { ($0, true) } ?? (singles(features), false)
        guard let deflated = Deflation.ifItPays(plain) else { return (isHalf ? .float16 : .float32, plain) }
        return (isHalf ? .deflatedFloat16 : .deflatedFloat32, deflated)
    }

    /// The features; nil where the body is not of this form.
    ///
    /// - Parameter count: how many there are
    func decode(_ body: [UInt8], count: Int) -> [Float]? {
        let (bytes, overflow) = count.multipliedReportingOverflow(by: element.byteSize)
        guard !overflow, bytes >= 0 else { return nil }
        var plain = body
        if isDeflated {
            guard let inflated = Deflation.inflate(body, count: bytes) else { return nil }
            plain = inflated
        }
        guard plain.count == bytes else { return nil }
        return plain.withUnsafeBytes { element.floats($0) }
    }

    /// The features in binary16, nil where one of them would not be the same.
    private static func halves(_ features: [Float]) -> [UInt8]? {
        // Most features that are none show it at once.
        guard isExact(features.prefix(64)), isExact(features[...]) else { return nil }
        return features.map { $0.halfBits.littleEndian }.withUnsafeBytes { Array($0) }
    }

    private static func isExact(_ features: ArraySlice<Float>) -> Bool {
        let back = features.map { $0.halfBits.littleEndian }.withUnsafeBytes { ElementType.float16.floats($0) }
        return zip(back, features).allSatisfy { $0.bitPattern == $1.bitPattern }
    }

    private static func singles(_ features: [Float]) -> [UInt8] {
        #if _endian(little)
            features.withUnsafeBytes { Array($0) }
        #else
            features.map(\.bitPattern.littleEndian).withUnsafeBytes { Array($0) }
        #endif
    }
}
