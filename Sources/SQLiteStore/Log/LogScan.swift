import Platform

/// The write-ahead log as its file has it, read without SQLite and without changing it (fileformat2.html#walformat).
struct LogScan {
    static let headBytes = 32
    static let frameHeadBytes = 24

    /// What stands in front of a page of the log.
    struct FrameHead {
        let page: UInt32
        /// The pages of the database after the transaction that this frame ends; 0 in the midst of one.
        let size: UInt32
        let salts: UInt64
        /// The sum over all of the log up to here.
        let sum: UInt64

        var isCommit: Bool { size != 0 }

        init(_ bytes: UnsafeRawBufferPointer) {
            page = bytes.number(at: 0)
            size = bytes.number(at: 4)
            salts = bytes.longNumber(at: 8)
            sum = bytes.longNumber(at: 16)
        }
    }

    /// The first bytes of the log, nil where they are not those of one.
    private(set) var head: [UInt8]?
    /// What all frames of this log have in common; nil without a head.
    private(set) var salts: UInt64?
    /// How many frames there are up to the last transaction that is whole.
    private(set) var frames = 0
    /// How many transactions they are.
    private(set) var commits = 0
    /// The pages of the database after that; nil where there is no such transaction.
    private(set) var size: Int?
    /// The pages that it has, in those frames.
    private(set) var pages: Set<UInt32> = []
    /// The database's first page as the log has it last; nil where it has none.
    private(set) var firstPage: [UInt8]?
    /// The head of the database after the first transaction of this log that has written it; nil where none has.
    private(set) var firstHead: DatabaseHead?
    /// The sum up to each of them.
    private(set) var sums: [UInt64] = []
    /// Whether frames of this log follow a bad one in a way that only damage explains: each transaction was flushed before
    /// the next one began.
    private(set) var isBroken = false

    let pageSize: Int
    /// The bytes of the file.
    let bytes: Int

    /// Reads the log once, from its beginning to its end.
    init(_ file: OpenFile, pageSize: Int) throws(FileError) {
        self.pageSize = pageSize
        bytes = file.count
        let first = try file.prefix(Self.headBytes)
        guard let swapped = first.withUnsafeBytes({ Self.readHead($0, pageSize: pageSize) }) else { return }
        head = first
        salts = first.withUnsafeBytes { $0.longNumber(at: 16) }
        var reading = Reading(swapped: swapped, sum: first.withUnsafeBytes { $0.longNumber(at: 24) })
        let step = Self.frameHeadBytes + pageSize
        let end = Self.headBytes + (bytes - Self.headBytes) / step * step
        try file.forEachPiece(of: Self.headBytes..<end, unit: step) {
            $0
        } _: { (piece) throws(FileError) in
            for start in stride(from: 0, to: piece.count, by: step) where !isBroken {
                read(piece.part(start..<start + step), &reading)
            }
        }
        sums.removeLast(sums.count - frames)
    }

    /// Whether the words are summed in another order than the machine's; nil where the bytes are not the head of a log.
    private static func readHead(_ bytes: UnsafeRawBufferPointer, pageSize: Int) -> Bool? {
        guard bytes.count >= headBytes, let swapped = isSwapped(magic: bytes.number(at: 0)),
            Int(bytes.number(at: 8)) == pageSize,
            LogSum.of(bytes.part(0..<24), after: 0, swapped: swapped) == bytes.longNumber(at: 24)
        else { return nil }
        return swapped
    }

    /// Whether the bytes are the head of a log.
    static func isHead(_ bytes: UnsafeRawBufferPointer, pageSize: Int) -> Bool {
        readHead(bytes, pageSize: pageSize) != nil
    }

    static func isSwapped(magic: UInt32) -> Bool? {
        guard magic & ~1 == 0x377f_0682 else { return nil }
        #if _endian(little)
            return magic & 1 == 1
        #else
            return magic & 1 == 0
        #endif
    }

    /// How far the reading of the frames is.
    private struct Reading {
        let swapped: Bool
        var sum: UInt64
        /// What the transaction has that has not ended yet.
        var pages: Set<UInt32> = []
        var firstPage: [UInt8]?
        /// Whether a frame was not the next one.
        var isBeyond = false
        /// Whether a transaction has ended behind that.
        var hasEnded = false
    }

    private mutating func read(_ frame: UnsafeRawBufferPointer, _ reading: inout Reading) {
        let known = FrameHead(frame)
        let isOfThis = known.salts == salts && known.page != 0
        if !reading.isBeyond, isOfThis {
            reading.sum = LogSum.of(frame.part(0..<8), after: reading.sum, swapped: reading.swapped)
            reading.sum = LogSum.of(
                frame.part(Self.frameHeadBytes..<frame.count), after: reading.sum, swapped: reading.swapped)
        }
        guard !reading.isBeyond, isOfThis, reading.sum == known.sum else {
            reading.isBeyond = true
            guard isOfThis else { return }
            isBroken = reading.hasEnded
            reading.hasEnded = reading.hasEnded || known.isCommit
            return
        }
        sums.append(reading.sum)
        reading.pages.insert(known.page)
        if known.page == 1 { reading.firstPage = Array(frame[Self.frameHeadBytes...]) }
        guard known.isCommit else { return }
        pages.formUnion(reading.pages)
        reading.pages = []
        if let page = reading.firstPage {
            firstHead = firstHead ?? page.withUnsafeBytes { DatabaseHead($0) }
            (firstPage, reading.firstPage) = (page, nil)
        }
        frames = sums.count
        commits += 1
        size = Int(known.size)
    }
}

/// The sums of the log, of words of four bytes.
enum LogSum {
    static func of(_ bytes: UnsafeRawBufferPointer, after sum: UInt64, swapped: Bool) -> UInt64 {
        guard let base = bytes.baseAddress else { return sum }
        // Sound: heads and pages begin at multiples of eight bytes in the log, and the buffers that it is read into at such ones.
        let words = base.assumingMemoryBound(to: UInt32.self)
        let count = bytes.count / 8 * 2
        var (first, second) = (UInt32(truncatingIfNeeded: sum >> 32), UInt32(truncatingIfNeeded: sum))
        var at = 0
        while at < count {
            first = first &+ (swapped ? words[at].byteSwapped : words[at]) &+ second
            second = second &+ (swapped ? words[at + 1].byteSwapped : words[at + 1]) &+ first
            at += 2
        }
        return UInt64(first) << 32 | UInt64(second)
    }
}

extension UnsafeRawBufferPointer {
    /// A number of four bytes, the highest first, as SQLite's files have them.
    func number(at place: Int) -> UInt32 { UInt32(bigEndian: loadUnaligned(fromByteOffset: place, as: UInt32.self)) }

    /// Two of them.
    func longNumber(at place: Int) -> UInt64 {
        UInt64(bigEndian: loadUnaligned(fromByteOffset: place, as: UInt64.self))
    }
}
