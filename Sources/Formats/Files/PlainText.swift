/// Tells text from bytes of numbers.
enum PlainText {
    /// Whether the front of a file is all text: UTF-8, or an older coding whose characters are nearly all ASCII, or UTF-16.
    static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if bytes.isEmpty { return false }
        if isUTF16(bytes) { return true }
        var plain = 0
        for byte in bytes {
            switch byte {
            case 0x20...0x7E: plain += 1
            case 0x07...0x0D, 0x1B: plain += 1
            case 0x80...: continue
            default: return false
            }
        }
        return plain >= bytes.count - bytes.count / 8 || isUTF8(bytes)
    }

    /// The text behind a byte order mark.
    static func withoutMark(_ bytes: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
        bytes.has([0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    }

    /// Whether a text begins with a line of several numbers, behind a line of titles where there is one.
    static func isTable(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let lines = withoutMark(bytes).split(maxSplits: 2) { $0 == 0x0A || $0 == 0x0D }
        return lines.prefix(2).contains(where: isRow)
    }

    private static func isRow(_ line: Slice<UnsafeRawBufferPointer>) -> Bool {
        let fields = line.split { ",;\t \"'".utf8.contains($0) }
        guard fields.count >= 2 else { return false }
        return fields.allSatisfy { field in
            field.allSatisfy { "0123456789+-.eEnNaAiIfF".utf8.contains($0) }
                && field.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        }
    }

    /// The front may be cut inside of a character.
    private static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        (0...min(3, bytes.count)).contains { String(validating: bytes.dropLast($0), as: UTF8.self) != nil }
    }

    /// Windows writes such a mark, and every other byte of Latin text is zero then.
    private static func isUTF16(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 8, bytes.has([0xFF, 0xFE]) || bytes.has([0xFE, 0xFF]) else { return false }
        let high = bytes[0] == 0xFF ? 1 : 0
        return stride(from: 2 + high, to: min(bytes.count, 32), by: 2).allSatisfy { bytes[$0] == 0 }
    }
}
