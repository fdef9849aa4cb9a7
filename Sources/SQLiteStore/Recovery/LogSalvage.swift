import Platform

/// A log made whole: what was committed to it, as far as it can be told, with sums that are right.
///
/// Each frame has the sum of all before it, so that one which was changed does not make those behind it worthless.
struct LogSalvage {
    /// The new log; empty where there is nothing to be had.
    private(set) var bytes: [UInt8] = []
    /// How many frames are not what was written.
    private(set) var bad = 0

    /// - Parameter record: what the witness says, nil where it can't be read
    init(_ file: OpenFile, pageSize: Int, record: WitnessRecord?) {
        let first = (try? file.prefix(LogScan.headBytes)).flatMap { bytes in
            bytes.withUnsafeBytes { LogScan.isHead($0, pageSize: pageSize) } ? bytes : nil
        }
        let salts = first.map { bytes in bytes.withUnsafeBytes { $0.longNumber(at: 16) } }
        let isKnown = record.map { $0.frames > 0 && (salts == nil || salts == $0.salts) } ?? false
        guard let head = first ?? (isKnown ? record?.head : nil) else { return }
        rebuild(file, head: head, pageSize: pageSize, least: isKnown ? Int(record?.frames ?? 0) : 0)
    }

    private mutating func rebuild(_ file: OpenFile, head: [UInt8], pageSize: Int, least: Int) {
        let (salts, first, magic) = head.withUnsafeBytes {
            ($0.longNumber(at: 16), $0.longNumber(at: 24), $0.number(at: 0))
        }
        guard let swapped = LogScan.isSwapped(magic: magic) else { return }
        let step = LogScan.frameHeadBytes + pageSize
        let count = max(file.count - LogScan.headBytes, 0) / step
        var log = head
        var (stored, sum) = (first, first)
        var end = log.count
        for index in 0..<count {
            // One that the disk can't give is as one that was overwritten.
            let place = LogScan.headBytes + index * step
            let bytes = (try? file.bytes(place..<place + step)) ?? [UInt8](repeating: 0, count: step)
            let isAny = bytes.withUnsafeBytes { frame in
                let known = LogScan.FrameHead(frame)
                let isGood = known.salts == salts && Self.sum(of: frame, after: stored, swapped) == known.sum
                // Beyond what was committed for sure, the first that is not right is the end.
                guard isGood || index < least else { return false }
                if !isGood { bad += 1 }
                stored = known.sum
                guard known.page != 0 else { return true }
                sum = Self.sum(of: frame, after: sum, swapped)
                log += frame[..<8]
                for value in [salts, sum] { withUnsafeBytes(of: value.bigEndian) { log += $0 } }
                log += frame[LogScan.frameHeadBytes...]
                if known.isCommit { end = log.count }
                return true
            }
            guard isAny else { break }
        }
        bytes = end > LogScan.headBytes ? Array(log[..<end]) : []
    }

    private static func sum(of frame: UnsafeRawBufferPointer, after sum: UInt64, _ swapped: Bool) -> UInt64 {
        LogSum.of(
            frame.part(LogScan.frameHeadBytes..<frame.count),
            after: LogSum.of(frame.part(0..<8), after: sum, swapped: swapped), swapped: swapped)
    }
}
