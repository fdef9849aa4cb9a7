import Platform
import Zlib

/// A zip archive that is held in memory, as an upload is: the directory is checked as that of a ``ZipArchive`` is, and
/// entries are unpacked piece by piece, so that none is ever held whole.
public struct ZipBody: Sendable {
    /// The entries in the directory's order.
    public let entries: [ZipEntry]
    private let bytes: [UInt8]

    /// Room for what a deflated entry gives at once.
    private static let pieceSize = 64 << 10

    /// Reads the directory.
    public init(_ bytes: [UInt8], limits: ZipLimits = ZipLimits()) throws(ZipError) {
        entries = try bytes.withRawBytes { raw throws(ZipError) in
            try ZipDirectoryReader(raw, limits: limits).entries()
        }
        self.bytes = bytes
    }

    /// Bytes of the archive.
    public var count: Int { bytes.count }

    /// The name of the first entry, told from the front of an archive; nil where the front is too short, or no such.
    public static func firstName(in front: [UInt8]) -> String? {
        front.withRawBytes { bytes in
            guard bytes.starts(with: "PK\u{3}\u{4}"), let length = bytes.littleEndian(UInt16.self, at: 26),
                30 + Int(length) <= bytes.count
            else { return nil }
            return String(validating: bytes.part(30..<30 + Int(length)), as: UTF8.self)
        }
    }

    /// The first bytes of an entry, unpacked, as many as come at once and not verified; nil where none can be had.
    public func front(of entry: ZipEntry) -> [UInt8]? {
        enum End: Error { case enough([UInt8]), broken }
        do throws(End) {
            try forEachPiece(of: entry, wrap: { _ in End.broken }) { piece throws(End) in throw .enough([UInt8](piece))
            }
            return nil
        } catch {
            guard case .enough(let bytes) = error else { return nil }
            return bytes
        }
    }

    /// Passes the entry's bytes on, in pieces, unpacked where need be, and never more than the entry's size.
    ///
    /// Size and checksum are verified by the end: the pieces are good once this has returned.
    public func forEachPiece<E: Error>(
        of entry: ZipEntry, wrap: (ZipError) -> E, _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        try bytes.withRawBytes { raw throws(E) in
            let data = raw.part(entry.dataRange.clamped(to: 0..<raw.count))
            var sum: UInt32 = 0
            func pass(_ piece: UnsafeRawBufferPointer) throws(E) {
                sum = crc32(of: piece, after: sum)
                try body(piece)
            }
            switch entry.method {
            case .stored:
                for start in stride(from: 0, to: data.count, by: Self.pieceSize) {
                    try pass(data.part(start..<min(start + Self.pieceSize, data.count)))
                }
            case .deflated: try inflate(entry, data, wrap: wrap, pass)
            }
            guard sum == entry.crc32 else {
                throw wrap(entry.damage("does not have the checksum that was noted for it"))
            }
        }
    }

    private func inflate<E: Error>(
        _ entry: ZipEntry, _ data: UnsafeRawBufferPointer, wrap: (ZipError) -> E,
        _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        guard var inflater = Inflater(.raw) else { throw wrap(.damaged("zlib has no memory")) }
        var input = data
        var buffer = [UInt8](repeating: 0, count: Self.pieceSize)
        var count = 0
        while true {
            let before = input.count
            let (produced, outcome) = buffer.withUnsafeMutableBytes { inflater.step(&input, into: $0) }
            guard produced <= entry.size - count else {
                throw wrap(entry.damage("unpacks to more than the \(entry.size) bytes it claims"))
            }
            count += produced
            if produced > 0 { try buffer.withRawBytes { raw throws(E) in try body(raw.part(0..<produced)) } }
            switch outcome {
            case .corrupt(let reason): throw wrap(entry.damage("is corrupt: \(reason)"))
            case .ended:
                guard count == entry.size else {
                    throw wrap(entry.damage("unpacks to \(count) of the \(entry.size) bytes it claims"))
                }
                guard input.isEmpty else { throw wrap(entry.damage("has bytes after its end")) }
                return
            case .more:
                if produced == 0 && input.count == before { throw wrap(entry.damage("ends early")) }
            }
        }
    }
}
