import Platform
import Zlib

/// How far the database was when the last transaction was committed: kept beside the log, so that one that was damaged or
/// lost is noticed.
struct WitnessRecord: Equatable, Sendable {
    static let bytes = 128
    private static let mark = Array("VGLWIT01".utf8)

    /// Of two records the one with the higher number counts.
    var number: UInt64 = 0
    /// What the database has as its `user_version` from that transaction on; 0 where it was never whole.
    var sequence: UInt32 = 0
    /// Which log it was in.
    var salts: UInt64 = 0
    /// The frames of the log up to its end, and their sum.
    var frames: UInt32 = 0
    var sum: UInt64 = 0
    /// Whether commits were flushed, so that they outlast the machine too.
    var isFlushed = false
    /// Whether the last process ended in order.
    var isClosed = false
    /// Whether somebody else brought a part of the log into the database, so that its pages' sums are not known.
    var areSumsLost = false
    /// The name of the machine's boot.
    var boot = [UInt8](repeating: 0, count: 36)
    /// The folder's name for itself, as database and sums have it; 0 where it has none yet.
    var identity: UInt32 = 0
    /// The first bytes of the log.
    var head = [UInt8](repeating: 0, count: LogScan.headBytes)

    init() {}

    /// Nil where the bytes are not a record, or one that was changed.
    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count == Self.bytes, bytes.prefix(8).elementsEqual(Self.mark),
            bytes.number(at: 124) == crc32(of: bytes.part(0..<124))
        else { return nil }
        number = bytes.longNumber(at: 8)
        sequence = bytes.number(at: 16)
        frames = bytes.number(at: 20)
        salts = bytes.longNumber(at: 24)
        sum = bytes.longNumber(at: 32)
        isFlushed = bytes[40] & 1 != 0
        isClosed = bytes[40] & 2 != 0
        areSumsLost = bytes[40] & 4 != 0
        boot = Array(bytes[44..<80])
        head = Array(bytes[80..<112])
        identity = bytes.number(at: 112)
    }

    var encoded: [UInt8] {
        var bytes = Self.mark
        func add(_ value: some FixedWidthInteger) { withUnsafeBytes(of: value.bigEndian) { bytes += $0 } }
        add(number)
        add(sequence)
        add(frames)
        add(salts)
        add(sum)
        add(UInt32((isFlushed ? 1 : 0) | (isClosed ? 2 : 0) | (areSumsLost ? 4 : 0)) << 24)
        bytes += boot
        bytes += head
        add(identity)
        bytes += [UInt8](repeating: 0, count: 8)
        add(bytes.withUnsafeBytes { crc32(of: $0) })
        return bytes
    }

    /// Whether the database has at least what it had then; its number begins anew after four thousand million.
    func isReached(by sequence: UInt32) -> Bool { !Self.isBefore(sequence, self.sequence) }

    /// Whether a number is one of before another.
    static func isBefore(_ number: UInt32, _ other: UInt32) -> Bool {
        Int32(bitPattern: number &- other) < 0
    }

    /// Whether a log with these salts can be the next one: SQLite counts the first of them up with each. Any can where no log
    /// was begun.
    func mayBeFollowed(by salts: UInt64) -> Bool {
        let steps = UInt32(truncatingIfNeeded: salts >> 32) &- UInt32(truncatingIfNeeded: self.salts >> 32)
        return frames == 0 || (1...1_000).contains(steps)
    }

    /// How many transactions are lacking where it has not.
    func lacking(at sequence: UInt32) -> Int { max(Int(Int32(bitPattern: self.sequence &- sequence)), 0) }
}
