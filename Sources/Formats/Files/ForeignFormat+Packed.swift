import Platform

/// Formats whose marks are short, told by what their headers say beside.
///
/// Where the first four bytes would be a number of 1e-30 or less, and not 0, no row of features begins so, and a few bytes
/// are enough.
extension ForeignFormat {
    /// A chunk of Blosc: versions of its format and of the codec, flags, the size of an element, and three sizes that go together.
    static func isBlosc(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 16, (2...6).contains(bytes[0]), bytes[1] == 1, (1...32).contains(bytes[3]),
            let plain = bytes.littleEndian(UInt32.self, at: 4), let block = bytes.littleEndian(UInt32.self, at: 8),
            let packed = bytes.littleEndian(UInt32.self, at: 12)
        else { return false }
        return plain > 0 && plain < 1 << 31 && (1...plain).contains(block) && packed >= 16
            && UInt64(packed) <= UInt64(plain) + 64
    }

    /// Stata before 13: the release, the order of bytes, and 1 and 0.
    static func isOldStata(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 16 && [0x69, 0x6C, 0x6E, 0x6F, 0x71, 0x72, 0x73].contains(bytes[0])
            && (1...2).contains(bytes[1]) && bytes[2] == 1 && bytes[3] == 0
    }

    /// The tag that says what it is, then a list or a map. One whose first byte a number of a usual size could end with is let by.
    static func isCBOR(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 4 && bytes.has([0xD9, 0xD9, 0xF7]) && (0x80...0xBB).contains(bytes[3]) && !isUsual(bytes[3])
    }

    /// How many words there are and how wide their vectors, as a line of text; then a word and a blank.
    static func isWordVectors(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
        let count = bytes.prefix(while: isDigit)
        let width = bytes.dropFirst(count.count + 1).prefix(while: isDigit)
        let rest = bytes[width.endIndex...]
        guard (1...12).contains(count.count), (1...5).contains(width.count), count.count + width.count >= 4,
            bytes[count.endIndex] == 0x20, rest.first == 0x0A
        else { return false }
        let word = rest.dropFirst().prefix { $0 > 0x20 && $0 != 0x7F }
        return (1...100).contains(word.count) && word.endIndex < bytes.endIndex && bytes[word.endIndex] == 0x20
    }

    /// compress: its two bytes and a third, and codes of nine bits of which none is above what can be known by then. Other bytes
    /// break that soon: of the first sixty-four each does with a chance of about a half.
    static func isCompressed(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 24, bytes.has([0x1F, 0x9D]), (0x89...0x90).contains(bytes[2]) else { return false }
        var known = 256
        for code in 0..<min(64, (bytes.count - 4) * 8 / 9 - 1) {
            let bit = code * 9
            let at = 3 + bit / 8
            let value = (Int(bytes[at]) | Int(bytes[at + 1]) << 8) >> (bit % 8) & 0x1FF
            guard code > 0 ? value <= known : value < 256 else { return false }
            known += 1
        }
        return true
    }
}
