import Formats
package import Jobs
import Zlib

/// How inputs are written: numbers in half of the bytes where that loses nothing, and either deflated where that pays.
package enum PayloadForm: Int, Sendable {
    case plain = 0
    case halves = 1
    case deflated = 2
    case deflatedHalves = 3

    /// More than any input has, so that no more room is made than that.
    private static let mostBytes = 1 << 36

    private var isDeflated: Bool { self == .deflated || self == .deflatedHalves }
    private var isHalved: Bool { self == .halves || self == .deflatedHalves }

    /// An input in the form that suits it.
    package static func encode(_ input: JobBody) -> (form: PayloadForm, body: [UInt8]) {
        let (full, isHalf) =
            input.floats.map { floats in halves(floats).map { ($0, true) } ?? (singles(floats), false) }
            ?? (input.bytes(in: 0..<input.count), false)
        guard let deflated = Deflation.ifItPays(full) else { return (isHalf ? .halves : .plain, full) }
        return (isHalf ? .deflatedHalves : .deflated, deflated)
    }

    /// The input; nil where the body is not of this form.
    ///
    /// - Parameters:
    ///   - plain: how many bytes it has
    ///   - areFloats: whether it came as numbers
    package func decode(_ body: [UInt8], plain: Int, areFloats: Bool) -> JobBody? {
        guard (0...Self.mostBytes).contains(plain), areFloats ? plain % 4 == 0 : !isHalved else { return nil }
        let count = isHalved ? plain / 2 : plain
        var full = body
        if isDeflated {
            guard let inflated = Deflation.inflate(body, count: count) else { return nil }
            full = inflated
        }
        guard full.count == count else { return nil }
        guard areFloats else { return JobBody(full) }
        return JobBody(full.withUnsafeBytes { (isHalved ? ElementType.float16 : .float32).floats($0) })
    }

    /// The numbers in binary16, nil where one of them would not be the same.
    private static func halves(_ floats: [Float]) -> [UInt8]? {
        // Most that can't be show it at once.
        guard isExact(floats.prefix(64)), isExact(floats[...]) else { return nil }
        return floats.map { $0.halfBits.littleEndian }.withUnsafeBytes { Array($0) }
    }

    private static func isExact(_ floats: ArraySlice<Float>) -> Bool {
        let back = floats.map { $0.halfBits.littleEndian }.withUnsafeBytes { ElementType.float16.floats($0) }
        return zip(back, floats).allSatisfy { $0.bitPattern == $1.bitPattern }
    }

    private static func singles(_ floats: [Float]) -> [UInt8] {
        #if _endian(little)
            floats.withUnsafeBytes { Array($0) }
        #else
            floats.map(\.bitPattern.littleEndian).withUnsafeBytes { Array($0) }
        #endif
    }
}
