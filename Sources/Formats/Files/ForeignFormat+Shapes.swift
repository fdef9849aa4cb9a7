import JSON
import Platform

/// Formats with marks that numbers begin with too, told by more of what they are.
extension ForeignFormat {
    /// The format that the first 32 bytes tell.
    static func shaped(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        if isPickle(bytes) { return .pickle }
        if isProgram(bytes) { return .program }
        if isJPEG(bytes) { return .image("JPEG") }
        if isBitmap(bytes) { return .image("BMP") }
        if isIcon(bytes) { return .image("icon") }
        if isPortableMap(bytes) { return .portableMap }
        if isFAISS(bytes) { return .faiss }
        if isArrowStream(bytes) { return .arrowStream }
        if isOldMatlab(bytes) { return .matlab }
        if isTagged(bytes) { return .sound }
        if isRecord(bytes) { return .tfRecord }
        if isORC(bytes) { return .orc }
        if isONNX(bytes) { return .onnx }
        if isBlosc(bytes) { return .blosc }
        if isOldStata(bytes) { return .statistics }
        if isCBOR(bytes) { return .cbor }
        if isProgramStream(bytes) || isElementaryStream(bytes) { return .video("MPEG") }
        return isSkipped(bytes) ? .packed("Zstandard") : nil
    }

    /// The format that more bytes tell.
    static func shapedInside(_ bytes: UnsafeRawBufferPointer) -> ForeignFormat? {
        if isOldPickle(bytes) { return .pickle }
        if isVectors(bytes) { return .vectors }
        if isKaldi(bytes) { return .kaldi }
        if isMessagePack(bytes) { return .messagePack }
        if isWordVectors(bytes) { return .words }
        if isCompressed(bytes) { return .packed("compress (.Z)") }
        if isTransportStream(bytes, from: 0, step: 188) || isTransportStream(bytes, from: 4, step: 192) {
            return .video("MPEG")
        }
        if isFrames(bytes) { return .sound }
        return isDeflated(bytes) ? .packed("zlib") : nil
    }

    /// Whether a float32 whose last byte is this one is of a size that features are.
    static func isUsual(_ byte: UInt8) -> Bool { (0x2F...0x46).contains(byte & 0x7F) }

    /// DOS's and Windows' header: bytes on its last page, pages, and 16 bytes or more of header.
    private static func isProgram(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.has([0x4D, 0x5A]), let pages = bytes.littleEndian(UInt16.self, at: 4),
            let header = bytes.littleEndian(UInt16.self, at: 8)
        else { return false }
        return bytes[3] <= 1 && pages > 0 && (1...0x1000).contains(header)
    }

    private static func isJPEG(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 3 && bytes.has([0xFF, 0xD8, 0xFF])
            && ((0xE0...0xEF).contains(bytes[3]) || [0xDB, 0xFE].contains(bytes[3]))
    }

    private static func isBitmap(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.has([0x42, 0x4D]), bytes.has([0, 0, 0, 0], at: 6) else { return false }
        return bytes.littleEndian(UInt32.self, at: 14).map { [12, 40, 52, 56, 64, 108, 124].contains($0) } ?? false
    }

    /// P1 to P7 or one of floats, a blank, and a number.
    private static func isPortableMap(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 4, bytes[0] == 0x50, (0x31...0x37).contains(bytes[1]) || [0x46, 0x66].contains(bytes[1]),
            isJSONBlank(bytes[2])
        else {
            return false
        }
        return bytes[3...4].allSatisfy { (0x30...0x39).contains($0) || isJSONBlank($0) || $0 == 0x23 }
    }

    /// The index's kind in four letters, how wide it is, how many it has, and 2^20; or of bits the width and its bytes.
    private static func isFAISS(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 24, bytes[0] == UInt8(ascii: "I"), bytes[1..<4].allSatisfy(isWord),
            let width = bytes.littleEndian(UInt32.self, at: 4), (1..<1 << 20).contains(width)
        else { return false }
        if bytes[1] == UInt8(ascii: "B"), let packed = bytes.littleEndian(UInt32.self, at: 8) {
            return width == 8 * packed
        }
        return bytes.has([0, 0, 0x10, 0, 0, 0, 0, 0], at: 16)
    }

    /// A width, which as a number would be next to 0, then so many numbers of usual sizes, then the width again.
    private static func isVectors(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let width = bytes.littleEndian(UInt32.self, at: 0), (16...8_192).contains(width) else { return false }
        let next = 4 + 4 * Int(width)
        if next + 4 <= bytes.count, bytes.littleEndian(UInt32.self, at: next) != width { return false }
        let lasts = stride(from: 7, to: min(next, bytes.count), by: 4).map { bytes[$0] }
        return lasts.count >= 16 && lasts.allSatisfy { isUsual($0) || $0 & 0x7F == 0 } && lasts.contains(where: isUsual)
    }

    /// A name, a blank, and the marks of binary data and of a matrix.
    private static func isKaldi(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let name = bytes.prefix(128).prefix(while: isWord)
        let mark = bytes.dropFirst(name.count).prefix(6)
        return !name.isEmpty && ["F", "D", "C"].contains { mark.elementsEqual(" \0B\($0)M ".utf8) }
    }

    /// The mark of a message, its length, and the place of the first table in it.
    private static func isArrowStream(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.has([0xFF, 0xFF, 0xFF, 0xFF]), let length = bytes.littleEndian(UInt32.self, at: 4),
            let root = bytes.littleEndian(UInt32.self, at: 8)
        else { return false }
        return (8..<1 << 24).contains(length) && (4..<256).contains(root)
    }

    /// MATLAB's version 4: type, rows, columns, no imaginary part, the name's length, the name.
    private static func isOldMatlab(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let header = (0..<5).compactMap { bytes.littleEndian(UInt32.self, at: $0 * 4) }
        guard header.count == 5, header[0] <= 52, header[0] % 10 <= 2, bytes.count > 20 else { return false }
        return header[1...2].allSatisfy { (1..<1 << 24).contains($0) } && header[3] <= 1
            && (2...64).contains(header[4]) && (0x41...0x7A).contains(bytes[20])
    }

    /// An icon or a pointer: how many pictures, and the first one's entry, which says that it lies behind the entries.
    private static func isIcon(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.has([0, 0, 1, 0]) || bytes.has([0, 0, 2, 0]), let count = bytes.littleEndian(UInt16.self, at: 4),
            let offset = bytes.littleEndian(UInt32.self, at: 18)
        else { return false }
        return (1...256).contains(count) && bytes[9] == 0 && offset >= 6 + 16 * UInt32(count) && offset < 1 << 16
    }

    /// A record's length, and that length's sum.
    private static func isRecord(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let length = bytes.littleEndian(UInt64.self, at: 0), length < 1 << 40,
            let sum = bytes.littleEndian(UInt32.self, at: 8)
        else { return false }
        let right = castagnoli(bytes.part(0..<8))
        return sum == (right >> 15 | right << 17) &+ 0xA282_EAD8
    }

    /// CRC-32C.
    private static func castagnoli(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
        var sum = UInt32.max
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0x82F6_3B78 : 0) }
        }
        return ~sum
    }

    /// Its three bytes, then a message's first field or the 24-bit length of a short packed one.
    private static func isORC(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 5 && bytes.has([0x4F, 0x52, 0x43]) && (!isUsual(bytes[3]) || bytes[5] == 0)
    }

    /// The version of its format, then the producer's name, then the next field.
    private static func isONNX(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 8, bytes[0] == 8, (1...32).contains(bytes[1]), bytes[2] == 0x12 else { return false }
        let end = 4 + Int(bytes[3])
        guard (3...24).contains(bytes[3]), end < bytes.count else { return false }
        return bytes[4..<end].allSatisfy(isWord) && [0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42].contains(bytes[end])
    }

    /// A frame of Zstandard or LZ4 that readers pass over.
    private static func isSkipped(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.has([0x2A, 0x4D, 0x18], at: 1) && bytes[0] & 0xF0 == 0x50
    }

    /// Letters, digits and what stands between words of a name.
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F: true
        default: false
        }
    }
}
