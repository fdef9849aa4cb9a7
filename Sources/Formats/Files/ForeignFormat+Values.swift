import Platform

/// Values that programs have written: Python's pickles, and MessagePack.
extension ForeignFormat {
    /// Protocols 2 to 5: a frame's opcode and length, or an opcode that pickles begin with.
    static func isPickle(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 3, bytes[0] == 0x80, (2...5).contains(bytes[1]) else { return false }
        if bytes[1] >= 4, bytes[2] == 0x95, let length = bytes.littleEndian(UInt64.self, at: 3) {
            return length < 1 << 40
        }
        return "}](c)XUKGN".utf8.contains(bytes[2]) && !isUsual(bytes[3])
    }

    /// Protocols 0 and 1: a list, a dictionary or a call as Python writes them, in a tuple or not.
    static func isOldPickle(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 6 else { return false }
        let isTuple = bytes[0] == UInt8(ascii: "(")
        let rest = isTuple ? bytes.part(1..<bytes.count) : bytes
        if isCollectionInText(bytes) || isTuple && isCollectionInText(rest) { return true }
        if "]})".utf8.contains(rest[0]), rest[1] == UInt8(ascii: "q"), rest[2] <= 1 {
            return "(]})c.KGUXNJM".utf8.contains(rest[3])
        }
        return isCall(rest)
    }

    /// `(lp0` or `(dp0` and the end of its line.
    private static func isCollectionInText(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.has(Array("(lp".utf8)) || bytes.has(Array("(dp".utf8)) else { return false }
        let digits = bytes.dropFirst(3).prefix { (0x30...0x39).contains($0) }
        guard (1...6).contains(digits.count), digits.endIndex + 1 < bytes.count else { return false }
        return bytes[digits.endIndex] == 0x0A && "(lda.FILVScg]}".utf8.contains(bytes[digits.endIndex + 1])
    }

    /// A module and a name in it, each with its end of a line, and what follows a name.
    private static func isCall(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes[0] == UInt8(ascii: "c") else { return false }
        let module = bytes.dropFirst().prefix(while: isWord)
        guard module.count >= 2, bytes[module.endIndex...].first == 0x0A else { return false }
        let name = bytes[(module.endIndex + 1)...].prefix(while: isWord)
        let after = bytes[name.endIndex...].prefix(2)
        return name.count >= 2 && after.count == 2 && after.first == 0x0A
            && "pq(".utf8.contains(after[name.endIndex + 1])
    }

    /// An array of numpy's by msgpack-numpy, an object whose first key is a word, or lists of numbers.
    static func isMessagePack(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 12 else { return false }
        return (0x81...0x8F).contains(bytes[0]) ? isObject(bytes) : isList(bytes)
    }

    private static func isObject(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let key = word(bytes, at: 1) else { return false }
        let value = bytes.part(key.upperBound..<bytes.count)
        if bytes[key].elementsEqual("nd".utf8) {
            let next = value.has([0xC2]) || value.has([0xC3]) ? word(value, at: 1) : nil
            return next.map { value[$0].elementsEqual("type".utf8) } ?? false
        }
        return key.count >= 6 && !isUsual(bytes[3])
            && value.first.map { $0 >= 0x80 && $0 < 0xE0 && $0 != 0xC1 } ?? false
    }

    /// Where the letters are of a short text or of bytes.
    private static func word(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Range<Int>? {
        guard start + 1 < bytes.count else { return nil }
        let isShort = bytes[start] & 0xE0 == 0xA0
        guard isShort || [0xC4, 0xD9].contains(bytes[start]) else { return nil }
        let begin = start + (isShort ? 1 : 2)
        let end = begin + Int(isShort ? bytes[start] & 0x1F : bytes[start + 1])
        guard begin < end, end < bytes.count, bytes[begin..<end].allSatisfy(isWord) else { return nil }
        return begin..<end
    }

    /// Lists in one another, then numbers of one type: four or more, each with its mark.
    private static func isList(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var at = 0
        var count = 0
        for _ in 0..<4 {
            guard at + 5 < bytes.count else { return false }
            switch bytes[at] {
            case 0x91...0x9F:
                count = Int(bytes[at] & 15)
                at += 1
            case 0xDC:
                count = Int(bytes[at + 1]) << 8 | Int(bytes[at + 2])
                at += 3
            case 0xDD:
                count = bytes[at + 1...at + 4].reduce(0) { $0 << 8 | Int($1) }
                at += 5
            case 0xCA, 0xCB:
                let step = bytes[at] == 0xCA ? 5 : 9
                let seen = min(count, 8)
                return at > 0 && seen >= 4 && at + step * (seen - 1) < bytes.count
                    && (0..<seen).allSatisfy { bytes[at + step * $0] == bytes[at] }
            default: return false
            }
        }
        return false
    }
}
