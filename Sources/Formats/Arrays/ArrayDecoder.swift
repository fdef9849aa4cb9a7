import Platform

/// Decodes one array from bytes that arrive in pieces, and never keeps the encoded bytes.
///
/// How the bytes are cut into pieces makes no difference to the outcome. A decoder that has thrown throws the same
/// error again for whatever follows.
public protocol ArrayDecoder {
    /// Takes the next bytes in.
    mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError)
    /// Bytes of memory that the decoded numbers take so far, with what `finish` will take beside them.
    var heldBytes: Int { get }
    /// Says that no more bytes come, and gives the array. Called once.
    mutating func finish() throws(ArrayDecodingError) -> DecodedArray
}

/// Decodes bytes that are all there.
public func decode<D: ArrayDecoder>(
    _ bytes: UnsafeRawBufferPointer, with decoder: D
) throws(ArrayDecodingError) -> DecodedArray {
    var decoder = decoder
    try decoder.feed(bytes)
    return try decoder.finish()
}

/// Decodes bytes that are all there.
public func decode<D: ArrayDecoder>(_ bytes: [UInt8], with decoder: D) throws(ArrayDecodingError) -> DecodedArray {
    try bytes.withRawBytes { raw throws(ArrayDecodingError) in try decode(raw, with: decoder) }
}

/// Decodes a whole file.
public func decode<D: ArrayDecoder>(_ file: MappedFile, with decoder: D) throws(ArrayDecodingError) -> DecodedArray {
    try file.withUnsafeBytes { bytes throws(ArrayDecodingError) in try decode(bytes, with: decoder) }
}

extension ArrayDecoder {
    /// Takes the next bytes in.
    public mutating func feed(_ bytes: [UInt8]) throws(ArrayDecodingError) {
        try bytes.withUnsafeBufferPointer { buffer throws(ArrayDecodingError) in
            try feed(UnsafeRawBufferPointer(buffer))
        }
    }
}
