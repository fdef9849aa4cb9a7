import CZlib

/// CRC-32 as zip and gzip define it.
///
/// - Parameter sum: that of the bytes in front of these, where data come in pieces
package func crc32(of bytes: UnsafeRawBufferPointer, after sum: UInt32 = 0) -> UInt32 {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return sum }
    return UInt32(truncatingIfNeeded: crc32_z(UInt(sum), base, bytes.count))
}
