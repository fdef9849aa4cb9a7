/// The decimal with the fewest digits that reads back to the same float32, and of those the one nearest to it.
///
/// Schubfach: R. Giulietti, "The Schubfach way to render doubles", 2020, with 64-bit powers of ten, which are enough
/// for float32. The numbers that read back to v = c 2^q fill an interval around it. It is scaled by a power of ten 10^-k
/// that makes it at least 1 and less than 10 wide: so it holds a whole number, and at most one that is a multiple of ten.
struct ShortestDecimal: Equatable {
    /// The digits as a whole number, at most nine of them, the last one not 0; 0 for zero.
    let digits: UInt32
    /// The value is digits times ten to the power of this.
    let exponent: Int

    /// The decimal of a finite number's magnitude.
    init(magnitudeOf value: Float) {
        let fraction = value.significandBitPattern
        let biased = Int(value.exponentBitPattern)
        guard fraction != 0 || biased != 0 else {
            self.init(digits: 0, exponent: 0)
            return
        }
        let c = UInt64(biased == 0 ? fraction : fraction | 1 << 23)
        let q = max(biased, 1) - 150
        // Below a power of two the neighbours are twice as near.
        let isPower = fraction == 0 && biased > 1
        let k = isPower ? Self.floorLog10OfThreeQuarters(exponent: q) : Self.floorLog10(exponent: q)
        let power = PowersOfTen.leadingBits(-k)
        let shift = q + PowersOfTen.floorLog2(-k) + 1
        // All in quarters, so that the middle between two neighbours is a whole number too. An even c has the interval's
        // ends for itself, as ties are read to even.
        let odd = c & 1
        let lower = Self.scaled(4 * c - (isPower ? 1 : 2), shift, power) + odd
        let upper = Self.scaled(4 * c + 2, shift, power) - odd
        let quarters = Self.scaled(4 * c, shift, power)

        let tens = quarters / 40
        let isTensInside = lower <= 40 * tens
        let isNextInside = 40 * tens + 40 <= upper
        if tens > 0, isTensInside != isNextInside {
            self.init(trimming: UInt32(truncatingIfNeeded: isNextInside ? tens + 1 : tens), exponent: k + 1)
            return
        }
        let whole = quarters / 4
        let isWholeInside = lower <= 4 * whole
        let isAboveInside = 4 * whole + 4 <= upper
        let isUp =
            isWholeInside != isAboveInside
            ? isAboveInside : quarters % 4 > 2 || (quarters % 4 == 2 && whole % 2 == 1)
        self.init(trimming: UInt32(truncatingIfNeeded: isUp ? whole + 1 : whole), exponent: k)
    }

    private init(digits: UInt32, exponent: Int) {
        self.digits = digits
        self.exponent = exponent
    }

    private init(trimming digits: UInt32, exponent: Int) {
        var (digits, exponent) = (digits, exponent)
        while digits % 10 == 0 {
            digits /= 10
            exponent += 1
        }
        self.init(digits: digits, exponent: exponent)
    }

    /// The product's whole part, its last bit set too where a fraction is left. A fraction of 2^-32 or less comes of the
    /// power's being rounded up: `x` shifted has 31 bits.
    @inline(__always)
    private static func scaled(_ x: UInt64, _ shift: Int, _ power: UInt64) -> UInt64 {
        let product = power.multipliedFullWidth(by: x << UInt64(truncatingIfNeeded: shift))
        return product.high | (product.low >> 32 > 1 ? 1 : 0)
    }

    /// ⌊log10 2^q⌋, for any q of a float32.
    private static func floorLog10(exponent q: Int) -> Int { (q * 1_262_611) >> 22 }

    /// ⌊log10 (¾ 2^q)⌋, for any q of a float32.
    private static func floorLog10OfThreeQuarters(exponent q: Int) -> Int { (q * 1_262_611 - 524_031) >> 22 }
}

/// The powers of ten that scale float32 numbers.
private enum PowersOfTen {
    private static let exponents = -31...45
    private static let table = exponents.map(computed)

    /// The 64 leading bits of 10^e, rounded up.
    @inline(__always)
    static func leadingBits(_ e: Int) -> UInt64 { table[e - exponents.lowerBound] }

    /// ⌊log2 10^e⌋.
    @inline(__always)
    static func floorLog2(_ e: Int) -> Int { (e * 1_741_647) >> 19 }

    /// Powers of ten have the leading bits of powers of five, of which 5^45 has 105 bits.
    private static func computed(_ e: Int) -> UInt64 {
        let five = (0..<abs(e)).reduce(UInt128(1)) { power, _ in power * 5 }
        if e >= 0 {
            let leading = five << UInt128(five.leadingZeroBitCount)
            return UInt64(leading >> 64) + (UInt64(truncatingIfNeeded: leading) == 0 ? 0 : 1)
        }
        // 2^127 / 5^-e, and as many bits more of the quotient as there is room for.
        let (quotient, rest) = (UInt128(1) << 127).quotientAndRemainder(dividingBy: five)
        let more = UInt128(min(quotient.leadingZeroBitCount, 48))
        let exact = quotient << more | (rest << more) / five
        return UInt64((exact << UInt128(exact.leadingZeroBitCount)) >> 64) + 1
    }
}
