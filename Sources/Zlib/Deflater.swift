import CZlib

/// zlib's compressor behind a value that frees it, for bodies of answers.
///
/// The stream lives on the heap because zlib keeps a pointer back to it. Input and output pointers are set for the
/// length of one call only.
package struct Deflater: ~Copyable {
    /// Room that is made for output at once, in bytes.
    private static let step = 32 << 10

    private let stream: UnsafeMutablePointer<z_stream>

    /// Nil where zlib has no memory.
    ///
    /// - Parameter level: 1, fast, to 9, small.
    package init?(_ wrapping: Inflater.Wrapping, level: CInt) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard vigil_deflateInit2(stream, level, wrapping.rawValue) == Z_OK else {
            stream.deallocate()
            return nil
        }
    }

    deinit {
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Takes more in.
    ///
    /// - Parameter isLast: whether this is the end of the data; after it nothing may follow.
    /// - Returns: what came out, often nothing before the last piece.
    package mutating func compress(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        var output: [UInt8] = []
        bytes.withUnsafeBufferPointer { input in
            var rest = input[...]
            repeat {
                let piece = UnsafeBufferPointer(rebasing: rest.prefix(1 << 30))
                rest = rest.dropFirst(piece.count)
                feed(piece, isLast && rest.isEmpty ? Z_FINISH : Z_NO_FLUSH, to: &output)
            } while !rest.isEmpty
        }
        return output
    }

    private func feed(_ piece: UnsafeBufferPointer<UInt8>, _ flush: CInt, to output: inout [UInt8]) {
        // Sound: zlib reads the input and does not write to it, and both pointers are set anew for each call.
        stream.pointee.next_in = UnsafeMutablePointer(mutating: piece.baseAddress)
        stream.pointee.avail_in = UInt32(piece.count)
        repeat {
            output += [UInt8](unsafeUninitializedCapacity: Self.step) { buffer, count in
                stream.pointee.next_out = buffer.baseAddress
                stream.pointee.avail_out = UInt32(Self.step)
                deflate(stream, flush)
                count = Self.step - Int(stream.pointee.avail_out)
            }
        } while stream.pointee.avail_out == 0
    }
}
