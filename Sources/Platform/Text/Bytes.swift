extension Array where Element == UInt8 {
    /// `withUnsafeBytes` with a typed error.
    @inlinable
    package func withRawBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { buffer throws(E) in try body(UnsafeRawBufferPointer(buffer)) }
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes of `range` as a buffer of their own; the caller has checked that they are inside.
    @inlinable
    package func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

    /// An unsigned little-endian integer at `offset`, or nil where it would pass the end.
    @inlinable
    package func littleEndian<T: FixedWidthInteger & UnsignedInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T?
    {
        guard offset >= 0, offset <= count - MemoryLayout<T>.size else { return nil }
        return T(littleEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// Whether the bytes at the front are those of `text`.
    package func starts(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { expected in self[..<expected.count].elementsEqual(expected) }
    }
}

/// Text from outside, made fit for a one-line message: cut short, control characters replaced.
package func quoted(_ text: some StringProtocol, limit: Int = 80) -> String {
    var shown = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == limit { return "'\(shown)…'" }
        shown.unicodeScalars.append(scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar)
        count += 1
    }
    return "'\(shown)'"
}
