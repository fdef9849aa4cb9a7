/// Text from outside as a name: the same where its bytes are. Swift's strings are equal where Unicode says so, and then an
/// accented letter and its two parts are one name.
public struct ByteText: Hashable, Sendable {
    /// The text as it came.
    public let text: String

    /// A name of this text.
    public init(_ text: String) { self.text = text }

    /// Whether both have the same bytes.
    public static func == (left: ByteText, right: ByteText) -> Bool { left.text.hasBytes(of: right.text) }

    /// Whether both lists have the same texts, byte for byte.
    public static func same(_ left: [String], _ right: [String]) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { $0.hasBytes(of: $1) }
    }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        // No byte of a text is 0xFF, so that two texts one after the other are told from others.
        hasher.combine(0xFF as UInt8)
    }
}

extension ByteText: ExpressibleByStringLiteral, CustomStringConvertible {
    /// A name that the program has.
    public init(stringLiteral text: String) { self.init(text) }

    /// The text.
    public var description: String { text }
}

extension String {
    /// Whether both texts are the same bytes.
    public func hasBytes(of other: String) -> Bool {
        guard utf8.count == other.utf8.count else { return false }
        let isSame = utf8.withContiguousStorageIfAvailable { own in
            other.utf8.withContiguousStorageIfAvailable { other -> Bool in
                // Sound: both have as many bytes; only an empty one has no address.
                guard let own = own.baseAddress, let other = other.baseAddress else { return true }
                return memcmp(own, other, utf8.count) == 0
            }
        }
        return (isSame ?? nil) ?? utf8.elementsEqual(other.utf8)
    }
}

extension Dictionary where Key == ByteText {
    /// The value of the name that has the bytes of `name`.
    public subscript(name: String) -> Value? {
        get { self[ByteText(name)] }
        set { self[ByteText(name)] = newValue }
    }
}

// What Swift does with texts by Unicode's rules, done by bytes: to Swift a dot with a mark behind it is another sign than a
// dot, so that whoever writes a text decides where its prefixes and pieces end.

extension StringProtocol {
    /// The text with the letters A to Z in lower case, and no others: by Unicode's rules U+212A would become a k.
    public var asciiLowercase: String { ASCII.lowercased(self) }

    /// Whether the text's bytes begin with those of `start`.
    public func begins(with start: some StringProtocol) -> Bool { utf8.starts(with: start.utf8) }

    /// Whether the text's bytes end with those of `end`.
    public func ends(with end: some StringProtocol) -> Bool {
        utf8.suffix(end.utf8.count).elementsEqual(end.utf8)
    }
}

extension StringProtocol where UTF8View.SubSequence == Substring.UTF8View {
    /// What follows `start`; nil where the text does not begin with it.
    public func rest(after start: some StringProtocol) -> Substring? {
        begins(with: start) ? Substring(utf8.dropFirst(start.utf8.count)) : nil
    }

    /// The pieces between the signs of this value, the empty ones too; after so many signs the rest is one piece.
    public func pieces(between sign: UInt8, most splits: Int = .max) -> [Substring] {
        utf8.split(separator: sign, maxSplits: splits, omittingEmptySubsequences: false).map { Substring($0) }
    }

    /// Without the bytes at both ends for which `isMargin` holds.
    public func trimmed(where isMargin: (UInt8) -> Bool) -> Substring {
        var bytes = utf8.drop(while: isMargin)
        while let last = bytes.last, isMargin(last) { bytes.removeLast() }
        return Substring(bytes)
    }
}

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

/// Text from outside, made fit for a one-line message: cut short, and ``fit(_:)`` for a terminal.
package func quoted(_ text: some StringProtocol, limit: Int = 80) -> String {
    let front = text.unicodeScalars.prefix(limit + 1)
    let shown = fit(String(String.UnicodeScalarView(front.prefix(limit))), isOneLine: true)
    return front.count > limit ? "'\(shown)…'" : "'\(shown)'"
}

/// Text with U+FFFD in the place of what moves a terminal's cursor, changes its colours, rings, or turns the order of signs
/// around.
///
/// - Parameter isOneLine: whether ends of lines and tabs are replaced too
package func fit(_ text: String, isOneLine: Bool) -> String {
    func isUnfit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x09, 0x0A: isOneLine
        case 0..<0x20, 0x7F...0x9F: true
        case 0x61C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }
    guard text.unicodeScalars.contains(where: isUnfit) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars { shown.unicodeScalars.append(isUnfit(scalar) ? "\u{FFFD}" : scalar) }
    return shown
}

/// A number of things, as `1 row` and `2 rows`.
package func counted(_ count: Int, _ thing: String) -> String { "\(count) \(thing)\(count == 1 ? "" : "s")" }
