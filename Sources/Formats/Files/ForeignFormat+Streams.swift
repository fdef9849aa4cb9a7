import Platform
import Zlib

/// Sound, video and packed data, whose parts follow one another.
extension ForeignFormat {
    static func isProgramStream(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 4 && bytes.has([0, 0, 1, 0xBA]) && (bytes[4] & 0xC4 == 0x44 || bytes[4] & 0xF1 == 0x21)
    }

    /// What H.264, H.265, and MPEG 1 and 2 begin with: a start code, and the unit that says how to read the others.
    static func isElementaryStream(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 8 else { return false }
        // The picture's shape and rate in their few numbers.
        if bytes.has([0, 0, 1, 0xB3]) { return (1...4).contains(bytes[7] >> 4) && (1...8).contains(bytes[7] & 15) }
        guard bytes.has([0, 0, 0, 1]) else { return false }
        return [0x67, 0x27, 0x47, 0x09].contains(bytes[4]) || [0x40, 0x42, 0x46].contains(bytes[4]) && bytes[5] == 1
    }

    /// Packets at equal steps, each with something in it. Their fourth bytes count, and not all are those of numbers.
    static func isTransportStream(_ bytes: UnsafeRawBufferPointer, from start: Int, step: Int) -> Bool {
        guard bytes.count > start + 3 * step + 3 else { return false }
        let packets = stride(from: start, to: bytes.count - 3, by: step)
        return packets.allSatisfy { bytes[$0] == 0x47 && bytes[$0 + 3] & 0x30 != 0 }
            && packets.contains { !isUsual(bytes[$0 + 3]) }
    }

    /// ID3v2: version, flags, and a length of four times seven bits.
    static func isTagged(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.count > 9 && bytes.has([0x49, 0x44, 0x33]) && (2...4).contains(bytes[3]) && bytes[4] < 0xFF
            && bytes[5] & 0x0F == 0 && bytes[6...9].allSatisfy { $0 < 0x80 }
    }

    /// MP3 or AAC without a tag: a frame, and another where its length says; or what LAME writes into the first one.
    static func isFrames(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 40, bytes[0] == 0xFF, bytes[1] & 0xE0 == 0xE0, !bytes.has(Array(bytes[0..<4]), at: 4) else {
            return false
        }
        if let length = aacLength(bytes) {
            return bytes.has([0xFF, bytes[1], bytes[2]], at: length)
                && aacLength(bytes.part(length..<bytes.count)) != nil
        }
        guard let length = mp3Length(bytes) else { return false }
        let notes = ["Xing", "Info"].map { Array($0.utf8) }
        if [13, 21, 36].contains(where: { at in notes.contains { bytes.has($0, at: at) } }) { return true }
        // Version, layer and rate stay the same.
        return length + 4 <= bytes.count && bytes.has([0xFF, bytes[1]], at: length)
            && bytes[length + 2] & 0x0C == bytes[2] & 0x0C && mp3Length(bytes.part(length..<bytes.count)) != nil
    }

    private static func aacLength(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count > 4, bytes[0] == 0xFF, bytes[1] & 0xF6 == 0xF0, bytes[2] >> 2 & 15 < 13 else { return nil }
        let last = bytes.count > 5 ? Int(bytes[5]) >> 5 : 0
        let length = Int(bytes[3] & 3) << 11 | Int(bytes[4]) << 3 | last
        return length > 7 ? length : nil
    }

    /// The length of a frame of layer III.
    private static func mp3Length(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard bytes.count > 3, bytes[0] == 0xFF, bytes[1] & 0xE6 == 0xE2 else { return nil }
        let version = Int(bytes[1]) >> 3 & 3
        let (rate, frequency) = (Int(bytes[2]) >> 4, Int(bytes[2]) >> 2 & 3)
        guard version != 1, (1...14).contains(rate), frequency < 3, bytes[3] & 3 != 2 else { return nil }
        let isFirst = version == 3
        let kilobits =
            isFirst
            ? [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320]
            : [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160]
        let hertz = [44_100, 48_000, 32_000][frequency] >> (isFirst ? 0 : version == 2 ? 1 : 2)
        return (isFirst ? 144_000 : 72_000) * kilobits[rate - 1] / hertz + Int(bytes[2]) >> 1 & 1
    }

    /// zlib's two bytes, behind which data unpacks: bytes of numbers break deflate's rules soon.
    static func isDeflated(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 16, bytes[0] == 0x78, bytes[1] & 0x20 == 0, (0x7800 + Int(bytes[1])) % 31 == 0,
            !bytes.has(Array(bytes[0..<4]), at: 4), var inflater = Inflater(.zlib)
        else { return false }
        var input = bytes
        var output = [UInt8](repeating: 0, count: 4_096)
        while true {
            let (produced, outcome) = output.withUnsafeMutableBytes { inflater.step(&input, into: $0) }
            switch outcome {
            case .corrupt: return false
            case .ended: return true
            case .more: if produced == 0 || input.isEmpty { return bytes.count >= 256 }
            }
        }
    }
}
