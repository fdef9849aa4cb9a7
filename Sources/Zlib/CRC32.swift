import CKernels
import CZlib

/// CRC-32 as zip and gzip define it.
///
/// - Parameter sum: that of the bytes in front of these, where data come in pieces
package func crc32(of bytes: UnsafeRawBufferPointer, after sum: UInt32 = 0) -> UInt32 {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return sum }
    var folded: (UInt64, UInt64) = (0, 0)
    let count = withUnsafeMutableBytes(of: &folded) { folded in
        // Sound: there are 16 bytes to write, and no more are read than there are.
        folded.bindMemory(to: UInt8.self).baseAddress.map { vg_crc32_fold(base, bytes.count, sum, $0) } ?? 0
    }
    guard count > 0 else { return plain(sum, base, bytes.count) }
    // zlib turns the bits of its register over, so that this is one of zeros.
    let before = withUnsafeBytes(of: folded) { folded in
        folded.bindMemory(to: UInt8.self).baseAddress.map { plain(.max, $0, 16) } ?? 0
    }
    return plain(before, base + count, bytes.count - count)
}

private func plain(_ sum: UInt32, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> UInt32 {
    UInt32(truncatingIfNeeded: crc32_z(UInt(sum), bytes, count))
}
