import Platform

/// The types of number that arrays and tensors are made of.
public enum ElementType: String, Equatable, Sendable, CaseIterable, CustomStringConvertible {
    case float16, bfloat16, float32, float64
    case int8, int16, int32, int64
    case uint8, uint16, uint32, uint64
    case bool

    /// Bytes of one element.
    public var byteSize: Int {
        switch self {
        case .int8, .uint8, .bool: 1
        case .float16, .bfloat16, .int16, .uint16: 2
        case .float32, .int32, .uint32: 4
        case .float64, .int64, .uint64: 8
        }
    }

    /// Whether it is one of the four floating-point types.
    public var isFloatingPoint: Bool {
        switch self {
        case .float16, .bfloat16, .float32, .float64: true
        default: false
        }
    }

    /// The name in numpy and PyTorch, such as "float16".
    public var description: String { rawValue }

    /// The name in a safetensors header, such as "F16".
    public var safetensorsName: String {
        switch self {
        case .float16: "F16"
        case .bfloat16: "BF16"
        case .float32: "F32"
        case .float64: "F64"
        case .int8: "I8"
        case .int16: "I16"
        case .int32: "I32"
        case .int64: "I64"
        case .uint8: "U8"
        case .uint16: "U16"
        case .uint32: "U32"
        case .uint64: "U64"
        case .bool: "BOOL"
        }
    }

    /// The type with this name in a safetensors header.
    public init?(safetensorsName name: String) {
        guard let type = ElementType.allCases.first(where: { $0.safetensorsName == name }) else { return nil }
        self = type
    }
}

/// The order of the bytes of one element.
public enum ByteOrder: Equatable, Sendable { case little, big }

/// The order in which the elements of an array came.
public enum ArrayOrder: String, Equatable, Sendable {
    /// The last index runs fastest (C order).
    case rowMajor
    /// The first index runs fastest (Fortran order).
    case columnMajor
}

extension ElementType {
    /// Converts elements to float32, in order.
    ///
    /// float16, bfloat16, float32, bool and integers below 2^24 come out exactly; float64 and larger integers are
    /// rounded to nearest, ties to even, and a float64 beyond float32's range becomes infinite. NaN stays NaN.
    ///
    /// - Parameters:
    ///   - bytes: whole elements; bytes past the last whole element are ignored, no alignment is needed
    ///   - order: in which the bytes of an element are
    ///   - output: room for at least `bytes.count / byteSize` floats; only those are initialised
    public func convert(
        _ bytes: UnsafeRawBufferPointer, _ order: ByteOrder = .little, into output: UnsafeMutableBufferPointer<Float>
    ) {
        let count = bytes.count / byteSize
        precondition(output.count >= count, "the output is too small")
        convert(bytes, order, start: 0, step: byteSize, count: count, into: output)
    }

    /// Converts whole elements to float32, in order.
    public func floats(_ bytes: UnsafeRawBufferPointer, _ order: ByteOrder = .little) -> [Float] {
        [Float](unsafeUninitializedCapacity: bytes.count / byteSize) { output, count in
            convert(bytes, order, into: output)
            count = bytes.count / byteSize
        }
    }

    /// Converts `count` elements that lie `step` bytes apart, the first at `start`.
    ///
    /// The caller has checked that every element is inside `bytes` and that `output` has room.
    func convert(
        _ bytes: UnsafeRawBufferPointer, _ order: ByteOrder, start: Int, step: Int, count: Int,
        into output: UnsafeMutableBufferPointer<Float>
    ) {
        guard count > 0 else { return }
        let last = start + (count - 1) * step + byteSize
        precondition(start >= 0 && step >= 0 && last <= bytes.count && output.count >= count)
        #if _endian(little)
            if self == .float32, order == .little, step == 4 {
                UnsafeMutableRawBufferPointer(output).copyMemory(from: bytes.part(start..<last))
                return
            }
        #endif
        let run = ElementRun(bytes: bytes, start: start, step: step, count: count, isBig: order == .big, output: output)
        switch self {
        case .float16: run.map(UInt16.self) { Float(halfBits: $0) }
        case .bfloat16: run.map(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .float32: run.map(UInt32.self) { Float(bitPattern: $0) }
        case .float64: run.map(UInt64.self) { Float(Double(bitPattern: $0)) }
        case .int8: run.map(UInt8.self) { Float(Int8(bitPattern: $0)) }
        case .int16: run.map(UInt16.self) { Float(Int16(bitPattern: $0)) }
        case .int32: run.map(UInt32.self) { Float(Int32(bitPattern: $0)) }
        case .int64: run.map(UInt64.self) { Float(Int64(bitPattern: $0)) }
        case .uint8: run.map(UInt8.self) { Float($0) }
        case .uint16: run.map(UInt16.self) { Float($0) }
        case .uint32: run.map(UInt32.self) { Float($0) }
        case .uint64: run.map(UInt64.self) { Float($0) }
        case .bool: run.map(UInt8.self) { $0 == 0 ? 0 : 1 }
        }
    }
}

/// Elements to convert, whose bounds `ElementType.convert` has checked.
private struct ElementRun {
    let bytes: UnsafeRawBufferPointer
    let start: Int
    let step: Int
    let count: Int
    let isBig: Bool
    let output: UnsafeMutableBufferPointer<Float>

    /// Sound because the caller checked the last element's end against `bytes` and `count` against `output`; the two
    /// loops differ so that the compiler can vectorise the common one.
    @inline(__always)
    func map<Bits: FixedWidthInteger & BitwiseCopyable>(_: Bits.Type, _ convert: (Bits) -> Float) {
        guard var source = bytes.baseAddress?.advanced(by: start), let target = output.baseAddress else { return }
        if step == MemoryLayout<Bits>.size && !isBig {
            for index in 0..<count {
                let bits = source.loadUnaligned(fromByteOffset: index * MemoryLayout<Bits>.size, as: Bits.self)
                (target + index).initialize(to: convert(Bits(littleEndian: bits)))
            }
            return
        }
        for index in 0..<count {
            let bits = source.loadUnaligned(as: Bits.self)
            (target + index).initialize(to: convert(isBig ? Bits(bigEndian: bits) : Bits(littleEndian: bits)))
            // A step may be larger than what is left after the last element, so the pointer stops there.
            if index < count - 1 { source += step }
        }
    }
}

extension Float {
    /// The value of an IEEE 754 half-precision number, exactly; a NaN keeps its payload.
    ///
    /// Written with masks in place of branches, so that loops over it vectorise, and without float32 subnormals, so that
    /// it also holds in a thread that flushes those to zero.
    @inline(__always)
    init(halfBits bits: UInt16) {
        let sign = UInt32(bits & 0x8000) << 16
        let magnitude = UInt32(bits & 0x7FFF)
        let shifted = magnitude << 13
        // All ones where the exponent is 0, and where it is 31.
        let isSubnormal = UInt32(bitPattern: (Int32(bitPattern: magnitude) &- 0x0400) >> 31)
        let isSpecial = UInt32(bitPattern: (0x7BFF &- Int32(bitPattern: magnitude)) >> 31)
        // The exponents' biases differ by 112; infinity and NaN go to the top of float32's range.
        let normal = shifted &+ (112 << 23) &+ (isSpecial & (112 << 23))
        // 2^-14 (1 + fraction) - 2^-14 is exact.
        let subnormal = (Float(bitPattern: shifted &+ (113 << 23)) - 0x1p-14).bitPattern
        self = Float(bitPattern: sign | (subnormal & isSubnormal) | (normal & ~isSubnormal))
    }
}

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
