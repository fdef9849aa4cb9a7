/// A job's name: a ULID, 48 bits of milliseconds and 80 random bits.
///
/// IDs sort by the time of their making, within a millisecond too (see `JobIDGenerator`), so "newest first" is an
/// order of IDs and a page of a listing begins after an ID.
public struct JobID: Hashable, Sendable {
    /// The milliseconds (48 bits), then the first 16 random bits.
    let high: UInt64
    /// The other 64 random bits.
    let low: UInt64

    /// The ID made at `milliseconds` since 1970 with the given random bits; only the lowest 48 bits of the time count.
    init(milliseconds: UInt64, randomHigh: UInt16, randomLow: UInt64) {
        high = milliseconds << 16 | UInt64(randomHigh)
        low = randomLow
    }

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The ID of sixteen bytes, nil of any other number of them.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Sixteen bytes, which sort as the IDs do.
    package var bytes: [UInt8] {
        withUnsafeBytes(of: high.bigEndian, Array.init) + withUnsafeBytes(of: low.bigEndian, Array.init)
    }

    /// The first ID that can be made at a time.
    package static func first(at time: WallTime) -> JobID {
        JobID(milliseconds: UInt64(max(time.milliseconds, 0)), randomHigh: 0, randomLow: 0)
    }

    /// When the ID was made.
    public var madeAt: WallTime { WallTime(milliseconds: Int64(high >> 16)) }
}

extension JobID: Comparable {
    /// Whether the left one was made first.
    public static func < (left: JobID, right: JobID) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}

extension JobID: CustomStringConvertible {
    /// Crockford's digits: no I, L, O or U.
    private static let digits = Array("0123456789ABCDEFGHJKMNPQRSTVWXYZ".utf8)

    /// The number each ASCII byte stands for as a digit, 255 where it is none.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 255, count: 256)
        for (value, digit) in digits.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    private static let length = 26

    /// Reads the 26 characters that ``description`` writes, and nothing else.
    ///
    /// Lower case, the look-alikes I, L and O, and a first character above 7 (more than 128 bits) are refused, so a job
    /// has one spelling only.
    public init?(_ text: String) {
        var high: UInt64 = 0
        var low: UInt64 = 0
        var count = 0
        for byte in text.utf8 {
            let value = UInt64(JobID.values[Int(byte)])
            guard count < JobID.length, value < 32, count > 0 || value < 8 else { return nil }
            high = high << 5 | low >> 59
            low = low << 5 | value
            count += 1
        }
        guard count == JobID.length else { return nil }
        self.init(high: high, low: low)
    }

    /// 26 characters of Crockford's base 32.
    public var description: String {
        String(unsafeUninitializedCapacity: JobID.length) { bytes in
            for place in 0..<JobID.length {
                bytes[place] = JobID.digits[digit(at: 5 * (JobID.length - 1 - place))]
            }
            return JobID.length
        }
    }

    /// The five bits that begin `shift` bits from the right.
    private func digit(at shift: Int) -> Int {
        let bits =
            shift >= 64
            ? high >> UInt64(shift - 64)
            : low >> UInt64(shift) | (shift > 59 ? high << UInt64(64 - shift) : 0)
        return Int(bits & 31)
    }
}

/// Makes job IDs that only ever grow, also within a millisecond and when the wall clock is set back.
package struct JobIDGenerator: Sendable {
    private static let largestTime: UInt64 = (1 << 48) - 1

    private var milliseconds: UInt64 = 0
    private var randomHigh: UInt16 = 0
    private var randomLow: UInt64 = 0

    /// A generator that has made none yet.
    package init() {}

    /// One whose IDs come after `last`.
    package init(after last: JobID) {
        milliseconds = last.high >> 16
        randomHigh = UInt16(truncatingIfNeeded: last.high)
        randomLow = last.low
    }

    /// The next ID: new random bits in a new millisecond, else the last ID's random bits plus one.
    ///
    /// A clock that went back counts as one that stands still. When the random bits are used up, the next millisecond
    /// is begun early.
    package mutating func next(at time: WallTime, using random: inout some RandomNumberGenerator) -> JobID {
        let now = min(UInt64(max(time.milliseconds, 0)), JobIDGenerator.largestTime)
        if now > milliseconds {
            begin(millisecond: now, using: &random)
        } else {
            let (low, carried) = randomLow.addingReportingOverflow(1)
            let (high, spent) = randomHigh.addingReportingOverflow(carried ? 1 : 0)
            (randomLow, randomHigh) = (low, high)
            if spent { begin(millisecond: milliseconds + 1, using: &random) }
        }
        return JobID(milliseconds: milliseconds, randomHigh: randomHigh, randomLow: randomLow)
    }

    private mutating func begin(millisecond: UInt64, using random: inout some RandomNumberGenerator) {
        milliseconds = millisecond
        randomHigh = random.next()
        randomLow = random.next()
    }
}
