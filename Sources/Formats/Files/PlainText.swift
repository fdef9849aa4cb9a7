import Platform

/// Tells text from bytes of numbers.
enum PlainText {
    /// Whether the front of a file is all text, with zeros behind it or not: UTF-8, or an older coding whose characters are
    /// nearly all ASCII.
    static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard !bytes.isEmpty, !isConstant(bytes) else { return false }
        if isNarrow(bytes) { return true }
        guard bytes.last == 0, let last = bytes.lastIndex(where: { $0 != 0 }) else { return false }
        return hasNoNumbers(bytes) && isNarrow(bytes.part(0..<last + 1))
    }

    /// Whether the front of a file is all text whose characters take two or four bytes, or one and then zeros: fields of
    /// equal lengths.
    static func isWideText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if isUTF16(bytes) { return true }
        guard bytes.count >= 8, hasNoNumbers(bytes) else { return false }
        if bytes.allSatisfy({ $0 == 0 || isPlain($0) }) { return true }
        return [2, 4].contains { size in [false, true].contains { isWide(bytes, size: size, isBig: $0) } }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x20...0x7E, 0x07...0x0D, 0x1B: true
        default: false
        }
    }

    private static func isNarrow(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var plain = 0
        for byte in bytes where byte < 0x80 {
            guard isPlain(byte) else { return false }
            plain += 1
        }
        // In other codings, such as Shift-JIS, GB18030 and KOI8, most bytes may be above ASCII, and none is a control character.
        // Rows have some, and no numbers of other than usual sizes.
        return plain >= bytes.count - bytes.count / 8 || isUTF8(bytes) || bytes.count >= 64 && hasNoNumbers(bytes)
    }

    /// Whether the bytes are one number of a usual size again and again, whose bytes may all be letters.
    private static func isConstant(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count >= 16 && ForeignFormat.isUsual(bytes[3])
            && (4..<bytes.count).allSatisfy { bytes[$0] == bytes[$0 - 4] }
    }

    /// Whether many of the bytes, read as float32, are of sizes that no features have: most of any text is.
    private static func hasNoNumbers(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var filled = 0
        var strange = 0
        for at in stride(from: 0, to: bytes.count - 3, by: 4) where bytes.littleEndian(UInt32.self, at: at) != 0 {
            filled += 1
            if !ForeignFormat.isUsual(bytes[at + 3]) { strange += 1 }
        }
        return strange > 0 && strange * 16 >= filled
    }

    /// UTF-16 or UTF-32 without a mark or with one. Characters beside ASCII could be numbers by chance where there are few,
    /// and have a blank or a full stop among them where there are many.
    private static func isWide(_ bytes: UnsafeRawBufferPointer, size: Int, isBig: Bool) -> Bool {
        let units = stride(from: 0, through: bytes.count - size, by: size).map { at in
            let unit = bytes[at..<at + size].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return isBig ? unit : unit.byteSwapped >> UInt32(32 - 8 * size)
        }
        guard let last = units.lastIndex(where: { $0 != 0 }) else { return false }
        let text = units[...last]
        guard text.allSatisfy({ isWritten($0, isWhole: size == 4) }) else { return false }
        if text.allSatisfy({ $0 < 0x80 }) { return true }
        return text.count * size >= 64
            && text.contains { $0 < 0x80 || (0x3000...0x303F).contains($0) || (0xFF00...0xFFEF).contains($0) }
    }

    /// Whether a text of today may have the character: a script in use, its punctuation, or half of what lies beyond.
    private static func isWritten(_ unit: UInt32, isWhole: Bool) -> Bool {
        switch unit {
        case 0..<0x80: isPlain(UInt8(unit))
        case 0xA0...0x24F, 0x370...0x6FF, 0x900...0xE7F, 0x1E00...0x20CF, 0x2190...0x21FF, 0x2500...0x27BF: true
        case 0x3000...0x30FF, 0x4E00...0x9FFF, 0xAC00...0xD7A3, 0xFE0F, 0xFEFF, 0xFF00...0xFFEF: true
        case 0xD800...0xDFFF: !isWhole
        case 0x1F300...0x1FAFF, 0x20000...0x2FFFF: isWhole
        default: false
        }
    }

    /// The text behind a byte order mark.
    static func withoutMark(_ bytes: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
        bytes.has([0xEF, 0xBB, 0xBF]) ? bytes.dropFirst(3) : bytes[...]
    }

    /// Whether a text begins with a line of several numbers, behind a line of titles where there is one. The front may be cut
    /// inside of one, of which there is then a sign, or nothing but its letters.
    static func isTable(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let isEnd = { (byte: UInt8) in byte == 0x0A || byte == 0x0D }
        let lines = withoutMark(bytes).split(maxSplits: 2, whereSeparator: isEnd)
        return lines.prefix(2).contains { line in isRow(line, isCut: line.endIndex == bytes.endIndex) }
    }

    private static func isRow(_ line: Slice<UnsafeRawBufferPointer>, isCut: Bool) -> Bool {
        var fields = line.split { ",;\t \"'".utf8.contains($0) }
        guard fields.allSatisfy({ $0.allSatisfy { "0123456789+-.eEnNaAiIfF".utf8.contains($0) } }) else { return false }
        if isCut, fields.count > 2 { fields.removeLast() }
        return fields.count >= 2
            && fields.allSatisfy { $0.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }
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
