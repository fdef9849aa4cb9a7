import Platform
import Zlib

/// Why gzip data could not be unpacked.
public enum GzipError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The data is not gzip, is damaged, or is followed by something else.
    case corrupt(String)
    /// The data ends inside a member.
    case truncated
    /// Unpacked, the data would pass the limit.
    case tooLarge(limit: Int)

    /// One sentence.
    public var description: String {
        switch self {
        case .corrupt(let reason): "the gzip data is damaged: \(reason)"
        case .truncated: "the gzip data ends before its end marker"
        case .tooLarge(let limit): "the gzip data unpacks to more than the limit of \(limit) bytes"
        }
    }
}

/// Unpacks gzip files (RFC 1952).
public enum Gzip {
    /// Unpacks a whole file.
    public static func inflate(_ file: MappedFile, limit: Int) throws(GzipError) -> [UInt8] {
        try file.withUnsafeBytes { bytes throws(GzipError) in try inflate(bytes, limit: limit) }
    }

    /// Unpacks one or more members that follow one another; at most `limit` bytes come out.
    public static func inflate(_ bytes: UnsafeRawBufferPointer, limit: Int) throws(GzipError) -> [UInt8] {
        var output: [UInt8] = []
        try forEachPiece(of: bytes, limit: limit, wrap: { $0 }) { piece throws(GzipError) in
            output.append(contentsOf: piece)
        }
        return output
    }

    /// Unpacks in the same way, and passes on what comes out piece by piece, so that it is never held whole.
    public static func forEachPiece<E: Error>(
        of bytes: UnsafeRawBufferPointer, limit: Int, wrap: (GzipError) -> E,
        _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        guard bytes.starts(with: 0x1F, 0x8B) else { throw wrap(.corrupt("it does not begin with gzip's two bytes")) }
        guard var inflater = Inflater(.gzip) else { throw wrap(.corrupt("zlib has no memory")) }
        var input = bytes
        var count = 0
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let before = input.count
            let (produced, outcome) = chunk.withUnsafeMutableBytes { inflater.step(&input, into: $0) }
            guard produced <= limit - count else { throw wrap(.tooLarge(limit: limit)) }
            count += produced
            if produced > 0 { try chunk.withRawBytes { raw throws(E) in try body(raw.part(0..<produced)) } }
            switch outcome {
            case .corrupt(let reason): throw wrap(.corrupt(reason))
            case .more:
                if produced == 0 && input.count == before { throw wrap(.truncated) }
            case .ended:
                if input.isEmpty { return }
                guard input.starts(with: 0x1F, 0x8B) else { throw wrap(.corrupt("something else follows its end")) }
                inflater.reset()
            }
        }
    }
}

extension UnsafeRawBufferPointer {
    fileprivate func starts(with first: UInt8, _ second: UInt8) -> Bool {
        count >= 2 && self[0] == first && self[1] == second
    }
}
