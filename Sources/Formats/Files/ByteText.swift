/// Text from outside as a name: the same where its bytes are. Swift's strings are equal where Unicode says so, and then an
/// accented letter and its two parts are one name.
public struct ByteText: Hashable, Sendable {
    /// The text as it came.
    public let text: String

    /// A name of this text.
    public init(_ text: String) { self.text = text }

    /// Whether both have the same bytes.
    public static func == (left: ByteText, right: ByteText) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    /// Hashes the bytes.
    public func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(text.utf8.count)
    }
}

extension StringProtocol {
    /// The text with the letters A to Z in lower case, and no others: by Unicode's rules U+212A would become a k.
    public var asciiLowercase: String {
        String(decoding: utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }
}
