/// Rounding to the two formats of 16 bits; the way back is `ElementType.convert`.
extension Float {
    /// IEEE 754 binary16, rounded to nearest, ties to even; infinity beyond its range.
    public var halfBits: UInt16 {
        let sign = UInt16(truncatingIfNeeded: bitPattern >> 16) & 0x8000
        let magnitude = bitPattern & 0x7fff_ffff
        if magnitude > 0x7f80_0000 { return sign | 0x7e00 }
        if magnitude >= 0x477f_f000 { return sign | 0x7c00 }
        if magnitude < 0x3880_0000 {
            // Below 2^-14: adding 0.5 leaves the multiple of 2^-24 in the last bits, rounded as floats are.
            let shifted = Float(bitPattern: magnitude) + 0.5
            return sign | UInt16(truncatingIfNeeded: shifted.bitPattern &- 0x3f00_0000)
        }
        let odd = magnitude >> 13 & 1
        return sign | UInt16(truncatingIfNeeded: (magnitude &- 0x3800_0000 &+ 0xfff &+ odd) >> 13)
    }

    /// bfloat16, rounded to nearest, ties to even.
    public var brainBits: UInt16 {
        if isNaN { return UInt16(truncatingIfNeeded: bitPattern >> 16) | 0x40 }
        let odd = bitPattern >> 16 & 1
        return UInt16(truncatingIfNeeded: (bitPattern &+ 0x7fff &+ odd) >> 16)
    }
}
