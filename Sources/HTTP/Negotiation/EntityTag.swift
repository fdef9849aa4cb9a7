import Platform

/// A name for one state of a resource (RFC 9110, 8.8.3).
public struct EntityTag: Sendable, Hashable, CustomStringConvertible {
    /// What stands between the quotes.
    public let opaque: String
    /// Whether it names states that mean the same, rather than the same bytes.
    public let isWeak: Bool

    /// A tag; characters that can't stand in one, such as quotes and blanks, are left out.
    public init(_ opaque: String, isWeak: Bool = false) {
        self.opaque = String(decoding: opaque.utf8.filter(Self.isAllowed), as: UTF8.self)
        self.isWeak = isWeak
    }

    /// As in the ETag field.
    public var description: String { "\(isWeak ? "W/" : "")\"\(opaque)\"" }

    /// Whether a value of If-None-Match names this tag, by weak comparison: the client has what it would get, and 304
    /// is the answer to GET and HEAD (RFC 9110, 13.1.2).
    public func matches(ifNoneMatch value: String?) -> Bool {
        guard let value else { return false }
        if FieldText.trimmed(Array(value.utf8)[...]).elementsEqual("*".utf8) { return true }
        return Self.list(value).contains { $0.opaque.utf8.elementsEqual(opaque.utf8) }
    }

    /// Whether a value of If-Match names this tag, by strong comparison: a weak tag on either side is none
    /// (RFC 9110, 13.1.1).
    func matches(ifMatch value: String) -> Bool { !isWeak && Self.list(value).contains(self) }

    /// Whether it is the same tag, byte for byte.
    public static func == (left: EntityTag, right: EntityTag) -> Bool {
        left.isWeak == right.isWeak && left.opaque.utf8.elementsEqual(right.opaque.utf8)
    }

    /// Hashes what `==` compares.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(isWeak)
        for byte in opaque.utf8 { hasher.combine(byte) }
    }

    /// Reads a list of tags up to the first thing that is none.
    static func list(_ text: String) -> [EntityTag] {
        var tags: [EntityTag] = []
        var rest = Array(text.utf8)[...]
        while true {
            rest = rest.drop { ASCII.isBlank($0) || $0 == ASCII.comma }
            let isWeak = rest.starts(with: "W/".utf8)
            if isWeak { rest = rest.dropFirst(2) }
            guard rest.first == ASCII.quote else { return tags }
            rest = rest.dropFirst()
            guard let end = rest.firstIndex(where: { !isAllowed($0) }), rest[end] == ASCII.quote else { return tags }
            tags.append(EntityTag(String(decoding: rest[..<end], as: UTF8.self), isWeak: isWeak))
            rest = rest[(end + 1)...]
        }
    }

    private static func isAllowed(_ byte: UInt8) -> Bool { byte == 0x21 || (byte >= 0x23 && byte != 0x7F) }
}
