/// What rows are that nothing called float32, and that make no sense as such.
public enum LikelyType: Sendable, Equatable, CustomStringConvertible {
    /// Twice as long numbers.
    case float64
    /// Numbers of half the length.
    case float16
    /// Bytes in the other order.
    case bigEndianFloat32

    /// What some numbers are of: how many there are, how many are not zero, and how many of these are of a usual size.
    fileprivate struct Sizes {
        var count = 0
        var filled = 0
        var usual = 0

        /// - Parameters:
        ///   - exponent: a power of two
        ///   - isZero: it is none
        mutating func add(exponent: Int, isZero: Bool) {
            count += 1
            if isZero { return }
            filled += 1
            if (-20...10).contains(exponent) { usual += 1 }
        }

        var areUsual: Bool { filled * 2 > count && usual * 100 >= filled * 99 }
    }

    /// The type as which the numbers are of usual sizes; nil where they are as float32, or as none.
    ///
    /// A few thousand of them are looked at, wherever there are any but zeros.
    public init?(of values: [Float]) {
        let words = Self.sample(values)
        var single = Sizes()
        var swapped = Sizes()
        var half = Sizes()
        var double = Sizes()
        for index in words.indices {
            let word = words[index]
            single.addSingle(word)
            swapped.addSingle(word.byteSwapped)
            half.addHalf(word & 0xFFFF)
            half.addHalf(word >> 16)
            if index % 2 == 1 {
                double.add(exponent: Int(word >> 20 & 0x7FF) - 1023, isZero: word << 1 == 0 && words[index - 1] == 0)
            }
        }
        guard single.usual * 10 < single.filled * 9 else { return nil }
        if double.areUsual {
            self = .float64
        } else if swapped.areUsual {
            self = .bigEndianFloat32
        } else if half.areUsual {
            self = .float16
        } else {
            return nil
        }
    }

    /// What to do, in words.
    public var description: String {
        switch self {
        case .float64: "the rows look like float64: use .npy, which says so, or convert them to float32"
        case .float16: "the rows look like float16: use .npy, which says so, or convert them to float32"
        case .bigEndianFloat32:
            "the rows look like big-endian float32: use .npy, which says so, or write them in little-endian order"
        }
    }

    private static func sample(_ values: [Float]) -> [UInt32] {
        let length = 64
        var words: [UInt32] = []
        let step = max(length, values.count / 256 / 2 * 2)
        for start in stride(from: 0, to: values.count, by: step) where words.count < 4_096 {
            let part = values[start..<min(start + length, values.count)].map(\.bitPattern)
            if part.contains(where: { $0 << 1 != 0 }) { words += part.count % 2 == 0 ? part : part.dropLast() }
        }
        return words
    }
}

extension LikelyType.Sizes {
    fileprivate mutating func addSingle(_ bits: UInt32) {
        add(exponent: Int(bits >> 23 & 0xFF) - 127, isZero: bits << 1 == 0)
    }

    /// A subnormal one is as usual as the smallest of the others.
    fileprivate mutating func addHalf(_ bits: UInt32) {
        add(exponent: Int(bits >> 10 & 0x1F) - 15, isZero: bits & 0x7FFF == 0)
    }
}
