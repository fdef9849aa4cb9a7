import CZlib

/// zlib's decompressor behind a value that frees it, for files and for bodies of requests.
///
/// The stream lives on the heap because zlib keeps a pointer back to it. Input and output pointers are set for the
/// length of one call only.
package struct Inflater: ~Copyable {
    /// What the compressed data stands in.
    package enum Wrapping: CInt, Sendable {
        /// Nothing (RFC 1951).
        case raw = -15
        /// zlib's own header and checksum (RFC 1950).
        case zlib = 15
        /// One member of a gzip file (RFC 1952).
        case gzip = 31
    }

    /// Where a step has left the data.
    package enum Outcome { case more, ended, corrupt(String) }

    private let stream: UnsafeMutablePointer<z_stream>

    /// Nil where zlib has no memory for its window.
    package init?(_ wrapping: Wrapping) {
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
    package mutating func step(
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
        input = UnsafeRawBufferPointer(rebasing: input[used...])
        switch code {
        case Z_STREAM_END: return (produced, .ended)
        case Z_OK, Z_BUF_ERROR: return (produced, .more)
        case Z_NEED_DICT: return (produced, .corrupt("it was made with a dictionary"))
        default: return (produced, .corrupt(stream.pointee.msg.map { String(cString: $0) } ?? "error \(code)"))
        }
    }

    /// Decompresses from the front of `input` into a new array of at most `room` bytes.
    package mutating func step(
        _ input: ArraySlice<UInt8>, room: Int
    ) -> (output: [UInt8], used: Int, outcome: Outcome) {
        var outcome = Outcome.more
        var used = 0
        let output = [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
            input.withUnsafeBytes { bytes in
                var rest = bytes
                (count, outcome) = step(&rest, into: UnsafeMutableRawBufferPointer(buffer))
                used = bytes.count - rest.count
            }
        }
        return (output, used, outcome)
    }

    /// Begins anew, for the next member of a gzip file.
    package mutating func reset() { inflateReset(stream) }
}
