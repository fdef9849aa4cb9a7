import Formats

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
    /// Where each page stands last, among those frames.
    private(set) var pages: [UInt32: Int] = [:]
    /// The first frame of the database's first page, nil where there is none.
    private var firstOfHead: Int?
    /// The sum up to each of them.
    private(set) var sums: [UInt64] = []
    /// Whether frames of this log follow a bad one in a way that only damage explains: each transaction was flushed before
    /// the next one began.
    private(set) var isBroken = false

    private let file: MappedFile
    let pageSize: Int

    var bytes: Int { file.count }

    init(_ file: MappedFile, pageSize: Int) {
        self.file = file
        self.pageSize = pageSize
        file.withUnsafeBytes { bytes in
            guard let swapped = Self.readHead(bytes, pageSize: pageSize) else { return }
            head = Array(bytes[..<Self.headBytes])
            salts = bytes.longNumber(at: 16)
            readFrames(bytes, swapped: swapped, after: bytes.longNumber(at: 24))
        }
    }

    /// Whether the words are summed in another order than the machine's; nil where the bytes are not the head of a log.
    private static func readHead(_ bytes: UnsafeRawBufferPointer, pageSize: Int) -> Bool? {
        guard bytes.count >= headBytes, let swapped = isSwapped(magic: bytes.number(at: 0)),
            Int(bytes.number(at: 8)) == pageSize,
            LogSum.of(bytes.part(0..<24), after: 0, swapped: swapped) == bytes.longNumber(at: 24)
        else { return nil }
        return swapped
    }

    static func isSwapped(magic: UInt32) -> Bool? {
        guard magic & ~1 == 0x377f_0682 else { return nil }
        #if _endian(little)
            return magic & 1 == 1
        #else
            return magic & 1 == 0
        #endif
    }

    private mutating func readFrames(_ bytes: UnsafeRawBufferPointer, swapped: Bool, after head: UInt64) {
        let step = Self.frameHeadBytes + pageSize
        let most = (bytes.count - Self.headBytes) / step
        var sum = head
        var open: [UInt32: Int] = [:]
        var index = 0
        while index < most {
            let frame = bytes.part(Self.headBytes + index * step..<Self.headBytes + (index + 1) * step)
            let known = FrameHead(frame)
            guard known.salts == salts, known.page != 0 else { break }
            sum = LogSum.of(frame.part(0..<8), after: sum, swapped: swapped)
            sum = LogSum.of(frame.part(Self.frameHeadBytes..<step), after: sum, swapped: swapped)
            guard sum == known.sum else { break }
            open[known.page] = index
            if known.page == 1, firstOfHead == nil { firstOfHead = index }
            sums.append(sum)
            index += 1
            guard known.isCommit else { continue }
            pages.merge(open) { $1 }
            open = [:]
            frames = index
            commits += 1
            size = Int(known.size)
        }
        sums.removeLast(sums.count - frames)
        var hasEnded = false
        while index < most, !isBroken {
            let known = FrameHead(bytes.part(Self.headBytes + index * step..<Self.headBytes + (index + 1) * step))
            index += 1
            guard known.salts == salts, known.page != 0 else { continue }
            isBroken = hasEnded
            hasEnded = hasEnded || known.isCommit
        }
    }

    /// The bytes of a page as the log has it last.
    func page(_ number: UInt32) -> [UInt8]? { pages[number].map(page(at:)) }

    /// The head of the database after the first transaction of this log that has written it; nil where none has.
    var firstHead: DatabaseHead? {
        guard let index = firstOfHead, index < frames else { return nil }
        return page(at: index).withUnsafeBytes { DatabaseHead($0) }
    }

    private func page(at index: Int) -> [UInt8] {
        let start = Self.headBytes + index * (Self.frameHeadBytes + pageSize) + Self.frameHeadBytes
        return file.withUnsafeBytes { Array($0[start..<start + pageSize]) }
    }
}

/// The sums of the log, of words of four bytes.
enum LogSum {
    static func of(_ bytes: UnsafeRawBufferPointer, after sum: UInt64, swapped: Bool) -> UInt64 {
        guard let base = bytes.baseAddress else { return sum }
        // Sound: heads and pages begin at multiples of eight bytes in the log, and the mapping at one of a page.
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

    /// A part as a buffer of its own.
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }
}
