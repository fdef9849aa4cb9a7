import Platform

extension LogKeeper {
    /// How many frames are read at once: into memory that is at hand, and not mapped for it.
    private static let framesAtOnce = 15

    enum Frames {
        /// - Parameters:
        ///   - entries: the sums of the pages, by their numbers, as each stands last
        ///   - size: how many pages the database has after them
        ///   - sum: that of the log up to their end
        case sums(entries: [Int: UInt64], size: Int, sum: UInt64)
        /// They are not what was written, by the sums that they have.
        case overwritten
        case unreadable
    }

    /// Reads frames of the log, each of them once, since nothing is committed meanwhile. SQLite does not look at the sums of its
    /// own log again.
    func read(_ frames: Range<Int>, of log: Int32, after head: [UInt8]) -> Frames {
        let step = LogScan.frameHeadBytes + StoreDatabase.pageSize
        guard let swapped = head.withUnsafeBytes({ LogScan.isSwapped(magic: $0.number(at: 0)) }) else {
            return .overwritten
        }
        var sum = head.withUnsafeBytes { $0.longNumber(at: 24) }
        if frames.lowerBound > 0 {
            let place = LogScan.headBytes + (frames.lowerBound - 1) * step
            guard let before = read(log, LogScan.frameHeadBytes, at: place) else { return .unreadable }
            sum = before.withUnsafeBytes { LogScan.FrameHead($0).sum }
        }
        var entries: [Int: UInt64] = [:]
        var size = 0
        var buffer = [UInt8](repeating: 0, count: Self.framesAtOnce * step)
        for first in stride(from: frames.lowerBound, to: frames.upperBound, by: Self.framesAtOnce) {
            let count = min(Self.framesAtOnce, frames.upperBound - first) * step
            let isRead = buffer.withUnsafeMutableBytes {
                pread(log, $0.baseAddress, count, off_t(LogScan.headBytes + first * step)) == count
            }
            guard isRead else { return .unreadable }
            let isRight = buffer.withUnsafeBytes { bytes in
                for start in stride(from: 0, to: count, by: step) {
                    let frame = bytes.part(start..<start + step)
                    let page = frame.part(LogScan.frameHeadBytes..<step)
                    let known = LogScan.FrameHead(frame)
                    sum = LogSum.of(frame.part(0..<8), after: sum, swapped: swapped)
                    sum = LogSum.of(page, after: sum, swapped: swapped)
                    guard sum == known.sum else { return false }
                    entries[Int(known.page)] = PageSums.entry(of: page, number: Int(known.page))
                    if known.isCommit { size = Int(known.size) }
                }
                return true
            }
            guard isRight else { return .overwritten }
        }
        return size > 0 ? .sums(entries: entries, size: size, sum: sum) : .unreadable
    }

    /// So many bytes of a file; nil where it has not as many, or they can't be read.
    func read(_ file: Int32, _ count: Int, at place: Int) -> [UInt8]? {
        errno = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, found in
            found = max(pread(file, buffer.baseAddress, count, off_t(place)), 0)
        }
        return bytes.count == count ? bytes : nil
    }
}
