import Zlib

/// Deflating payloads that have much in them that repeats, as zeros do.
enum Deflation {
    /// What is tried first, and how small it has to become for the whole to be worth the time.
    private static let sample = 16 << 10

    /// The bytes deflated, nil where that saves less than half of a piece of them.
    static func ifItPays(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count >= 4 << 10, mayPay(bytes) else { return nil }
        let start = (bytes.count - min(sample, bytes.count)) / 2
        let piece = Array(bytes[start..<start + min(sample, bytes.count)])
        guard let small = deflate(piece), small.count < piece.count / 2 else { return nil }
        guard let all = deflate(bytes), all.count < bytes.count else { return nil }
        return all
    }

    /// Whether a look at 4 KB in the middle finds words that come again, or few different bytes: deflating even a sample
    /// takes longer than all else that is done for a payload of 60 KB, and features seldom are worth it.
    private static func mayPay(_ bytes: [UInt8]) -> Bool {
        let start = (bytes.count - (4 << 10)) / 2 & ~3
        var counts = [Int](repeating: 0, count: 256)
        var seen = [UInt32](repeating: 1, count: 512)
        var again = 0
        bytes.withUnsafeBytes { bytes in
            for place in stride(from: start, to: start + (4 << 10), by: 4) {
                let word = bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)
                let slot = Int((word &* 0x9E37_79B1) >> 23)
                if seen[slot] == word { again += 1 }
                seen[slot] = word
                for byte in bytes[place..<place + 4] { counts[Int(byte)] += 1 }
            }
        }
        // How often two bytes are equal, of 4,096 times 4,096: once in 256 where all are as frequent.
        let equal = counts.reduce(0) { $0 + $1 * $1 }
        return again >= 256 || equal >= (4_096 * 4_096) / 7
    }

    /// Exactly `count` bytes out of `bytes`, or nil. No more room is made than for that.
    static func inflate(_ bytes: [UInt8], count: Int) -> [UInt8]? {
        guard var inflater = Inflater(.zlib) else { return nil }
        var output: [UInt8] = []
        var rest = bytes[...]
        while true {
            let (piece, used, outcome) = inflater.step(rest, room: min(1 << 20, count - output.count + 1))
            output += piece
            rest = rest.dropFirst(used)
            guard output.count <= count else { return nil }
            switch outcome {
            case .ended: return output.count == count && rest.isEmpty ? output : nil
            case .more: if piece.isEmpty, used == 0 { return nil }
            default: return nil
            }
        }
    }

    private static func deflate(_ bytes: [UInt8]) -> [UInt8]? {
        guard var deflater = Deflater(.zlib, level: 1) else { return nil }
        return deflater.compress(bytes, isLast: true)
    }
}
