import Zlib

/// What the sums of the pages say of themselves: whose database they belong to, and how far it was when they were written.
///
/// A log counts for its pages until it is begun anew, and a newer one goes on from where the one before it ended. So from the
/// head it is known whether a log is one that was there before the sums, or comes after others that are lacking.
struct SumsHead: Equatable, Sendable {
    static let bytes = 32
    private static let mark: UInt64 = 0x5647_5355_4d53_3032

    /// The folder's name for itself, as database and witness have it; 0 where it has none yet.
    var identity: UInt32 = 0
    /// The database's number when they were written.
    var sequence: UInt32 = 0
    /// Which log they were written of, and of how many of its frames; 0 where there was none.
    var salts: UInt64 = 0
    var frames: UInt32 = 0

    init(identity: UInt32 = 0, sequence: UInt32 = 0, salts: UInt64 = 0, frames: UInt32 = 0) {
        self.identity = identity
        self.sequence = sequence
        self.salts = salts
        self.frames = frames
    }

    /// Nil where the bytes are not a head, or one that was changed.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.bytes, bytes.longNumber(at: 0) == Self.mark,
            bytes.number(at: 28) == crc32(of: bytes.part(0..<28))
        else { return nil }
        identity = bytes.number(at: 8)
        sequence = bytes.number(at: 12)
        salts = bytes.longNumber(at: 16)
        frames = bytes.number(at: 24)
    }

    var encoded: [UInt8] {
        var bytes: [UInt8] = []
        func add(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.bigEndian) { bytes += $0 }
        }
        add(Self.mark)
        add(identity)
        add(sequence)
        add(salts)
        add(frames)
        add(bytes.withUnsafeBytes { crc32(of: $0) })
        return bytes
    }

    /// Why a log is not the one of these sums, nor the one that came after it; nil where it is.
    func contradiction(of log: LogScan?) -> String? {
        guard let log, let salts = log.salts, log.frames > 0 else { return nil }
        if salts == self.salts {
            return log.frames < Int(frames)
                ? "it is shorter than when the sums of the pages were written: \(log.frames) of \(frames) frames"
                : nil
        }
        // Another log goes on where the database was: with the same number, or with the next.
        guard let first = log.firstHead else { return nil }
        let steps = first.sequence &- sequence
        guard steps > 1, !(steps == 2 && sequence == .max) else { return nil }
        return "it goes on from transaction \(first.sequence), and the database is at \(sequence)"
    }
}
