import CZlib

/// CRC-32 as zip and gzip define it.
package func crc32(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return 0 }
    return UInt32(truncatingIfNeeded: crc32_z(0, base, bytes.count))
}
