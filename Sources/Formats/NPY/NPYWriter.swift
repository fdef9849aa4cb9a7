/// Writes float32 arrays as .npy, version 1.
public enum NPYWriter {
    /// An .npy file with `values` in row-major order; the data begins on a multiple of 64 bytes.
    ///
    /// - Parameters:
    ///   - values: row-major, as many as the shape says
    ///   - shape: one or two lengths (or any number of them), whose product is `values.count`
    public static func encode(_ values: [Float], shape: [Int]) -> [UInt8] {
        precondition(shape.checkedProduct() == values.count, "the shape does not fit the values")
        var bytes = header(shape: shape)
        bytes.reserveCapacity(bytes.count + values.count * 4)
        appendLittleEndian(values, to: &bytes)
        return bytes
    }

    /// What such a file begins with; its numbers follow, as float32 in little-endian order, row after row.
    public static func header(shape: [Int]) -> [UInt8] {
        let lengths = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (\(lengths)), }".utf8)
        let prelude = 10
        let unpadded = prelude + header.count + 1
        header.append(contentsOf: repeatElement(0x20, count: (64 - unpadded % 64) % 64))
        header.append(0x0A)

        var bytes: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]
        bytes.append(UInt8(truncatingIfNeeded: header.count))
        bytes.append(UInt8(truncatingIfNeeded: header.count >> 8))
        bytes.append(contentsOf: header)
        return bytes
    }

    /// An .npy file with one row a row of the matrix.
    public static func encode(_ values: [Float], rows: Int, columns: Int) -> [UInt8] {
        encode(values, shape: [rows, columns])
    }
}

/// Appends float32 values as their little-endian bytes.
func appendLittleEndian(_ values: [Float], to bytes: inout [UInt8]) {
    #if _endian(little)
        values.withUnsafeBytes { bytes.append(contentsOf: $0) }
    #else
        for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes.append(contentsOf: $0) } }
    #endif
}
