import CZlib

/// zlib's decompressor behind a value that frees it; used by ``Gzip`` and ``ZipArchive``.
///
/// The stream lives on the heap because zlib keeps a pointer back to it. Input and output pointers are set for the
/// length of one call only.
struct Inflater: ~Copyable {
    enum Wrapping: CInt {
        case raw = -15
        case gzip = 31
    }

    enum Outcome { case more, ended, corrupt(String) }

    private let stream: UnsafeMutablePointer<z_stream>

    /// Nil where zlib has no memory for its window.
    init?(_ wrapping: Wrapping) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard vigil_inflateInit2(stream, wrapping.rawValue) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// Decompresses from the front of `input`, which is shortened by what was used, to the front of `output`.
    mutating func step(
        _ input: inout UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) -> (produced: Int, outcome: Outcome) {
        let fed = min(input.count, 1 << 30)
        let room = min(output.count, 1 << 30)
        stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        stream.pointee.avail_in = UInt32(fed)
        stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        stream.pointee.avail_out = UInt32(room)
        let code = inflate(stream, Z_NO_FLUSH)
        let used = fed - Int(stream.pointee.avail_in)
        let produced = room - Int(stream.pointee.avail_out)
        input = input.part(used..<input.count)
        switch code {
        case Z_STREAM_END: return (produced, .ended)
        case Z_OK, Z_BUF_ERROR: return (produced, .more)
        default: return (produced, .corrupt(stream.pointee.msg.map { String(cString: $0) } ?? "error \(code)"))
        }
    }

    /// Begins anew, for the next member of a gzip file.
    mutating func reset() { inflateReset(stream) }
}

/// CRC-32 as zip and gzip define it.
func crc32(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    guard let base = bytes.bindMemory(to: UInt8.self).baseAddress else { return 0 }
    return UInt32(truncatingIfNeeded: crc32_z(0, base, bytes.count))
}
