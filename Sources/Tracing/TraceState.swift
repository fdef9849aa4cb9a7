import Platform

/// The field `tracestate` (W3C Trace Context, 3.3): what is read of it is sent on as it came, within bounds.
enum TraceState {
    private static let mostMembers = 32
    /// Bytes that are sent on; the specification asks for no more.
    private static let mostBytes = 512
    /// A longer member is the first to go where there are too many bytes.
    private static let long = 128

    /// The list as it may be sent on; nil where any of it is not as it must be, which makes all of it worthless.
    static func sendable(_ text: String) -> String? {
        // Before anything is reserved for it: a head may be long.
        guard text.utf8.count <= 32 * 1_024 else { return nil }
        // Members may be empty, but a head of commas alone is not taken apart: what is left behind the last split is no member.
        let members = text.pieces(between: ASCII.comma, most: 2 * mostMembers)
            .map { $0.trimmed(where: ASCII.isBlank) }.filter { !$0.isEmpty }
        guard members.count <= mostMembers else { return nil }
        var keys: Set<ByteText> = []
        for member in members {
            guard let key = key(of: member), keys.insert(ByteText(String(key))).inserted else { return nil }
        }
        return shortened(members).joined(separator: ",")
    }

    /// Whole members, of which the long ones go first and then those at the end.
    private static func shortened(_ members: [Substring]) -> [Substring] {
        var kept = members
        func bytes() -> Int { kept.reduce(max(0, kept.count - 1)) { $0 + $1.utf8.count } }
        while bytes() > mostBytes, let last = kept.lastIndex(where: { $0.utf8.count > long }) { kept.remove(at: last) }
        while bytes() > mostBytes { kept.removeLast() }
        return kept
    }

    /// The key of a member; nil where it is none.
    private static func key(of member: Substring) -> Substring? {
        let parts = member.pieces(between: ASCII.equals, most: 1)
        guard parts.count == 2, isKey(parts[0]), isValue(parts[1]) else { return nil }
        return parts[0]
    }

    /// Up to 256 signs; a tenant's is followed by an @ and the system's.
    private static func isKey(_ key: Substring) -> Bool {
        let parts = key.pieces(between: UInt8(ascii: "@"))
        guard let first = key.utf8.first, (1...256).contains(key.utf8.count), parts.count <= 2 else { return false }
        guard parts.allSatisfy({ $0.utf8.allSatisfy(isKeyByte) }) else { return false }
        guard parts.count == 2 else { return isLower(first) || ASCII.isDigit(first) }
        return (1...241).contains(parts[0].utf8.count) && (isLower(first) || ASCII.isDigit(first))
            && (1...14).contains(parts[1].utf8.count) && (parts[1].utf8.first.map(isLower) ?? false)
    }

    private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        isLower(byte) || ASCII.isDigit(byte) || "_-*/".utf8.contains(byte)
    }

    /// Up to 256 visible signs and spaces, without comma and equals sign; the last one is no space, as blanks around members
    /// are no part of them.
    private static func isValue(_ value: Substring) -> Bool {
        (1...256).contains(value.utf8.count)
            && value.utf8.allSatisfy { (0x20...0x7E).contains($0) && $0 != ASCII.comma && $0 != ASCII.equals }
    }
}
