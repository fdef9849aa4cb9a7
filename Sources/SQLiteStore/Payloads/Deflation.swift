import Compression

/// Deflating payloads that have much in them that repeats, as zeros do.
enum Deflation {
    /// What is tried first, and how small it has to become for the whole to be worth the time.
    private static let sample = 16 << 10

    /// The bytes deflated, nil where that saves less than half of a piece of them.
    static func ifItPays(_ bytes: [UInt8]) -> [UInt8]? {
        guard bytes.count >= 4 << 10 else { return nil }
        let start = (bytes.count - min(sample, bytes.count)) / 2
        let piece = Array(bytes[start..<start + min(sample, bytes.count)])
        guard let small = deflate(piece), small.count < piece.count / 2 else { return nil }
        guard let all = deflate(bytes), all.count < bytes.count else { return nil }
        return all
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
