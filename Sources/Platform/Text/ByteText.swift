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
