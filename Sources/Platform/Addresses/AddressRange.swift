/// A range of IP addresses in CIDR notation, such as `10.0.0.0/8`, `2001:db8::/32` or one address alone.
public struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// The first address.
    let base: IPAddress
    /// How many of the 128 bits count; for IPv4 those of the mapped form.
    let bits: Int

    /// Reads a range. Bits beyond the prefix must be zero, since `10.0.0.1/8` is more likely a mistake than meant.
    ///
    /// - Throws: `AddressRangeError` where the text is not a range.
    public init(_ text: String) throws(AddressRangeError) {
        let parts = text.pieces(between: ASCII.slash, most: 1)
        guard let first = parts.first, let address = IPAddress(first) else { throw .notAnAddress(text) }
        let isFour = !first.utf8.contains(ASCII.colon)
        let width = isFour ? 32 : 128
        var length = width
        if parts.count == 2 {
            guard let read = Self.prefixLength(parts[1]), read <= width else {
                throw .prefixLength(text, most: width)
            }
            length = read
        }
        bits = length + (128 - width)
        base = address.masked(to: bits)
        guard base == address else { throw .bitsBeyondPrefix(text, expected: "\(base)/\(length)") }
    }

    /// Decimal digits alone, no sign and no zero in front.
    private static func prefixLength(_ text: Substring) -> Int? {
        guard (1...3).contains(text.utf8.count), text.utf8.allSatisfy(ASCII.isDigit),
            text.utf8.count == 1 || text.utf8.first != ASCII.zero
        else { return nil }
        return Int(text)
    }

    /// Whether the address lies in the range.
    public func contains(_ address: IPAddress) -> Bool { address.masked(to: bits) == base }

    /// In CIDR notation.
    public var description: String {
        base.isIPv4 && bits >= 96 ? "\(base)/\(bits - 96)" : "\(base)/\(bits)"
    }
}

/// Why a text is not a range of addresses.
public enum AddressRangeError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What stands before the slash is no address in numbers.
    case notAnAddress(String)
    /// What stands behind the slash is no number, or too large.
    case prefixLength(String, most: Int)
    /// The address has bits that the prefix does not cover.
    case bitsBeyondPrefix(String, expected: String)

    /// One plain sentence.
    public var description: String {
        switch self {
        case .notAnAddress(let text):
            "'\(text.prefix(60))' is no range of addresses: expected one such as 10.0.0.0/8, 2001:db8::/32 or 127.0.0.1"
        case .prefixLength(let text, let most):
            "'\(text.prefix(60))' is no range of addresses: expected a number from 0 to \(most) after the slash"
        case .bitsBeyondPrefix(let text, let expected):
            "'\(text.prefix(60))' is no range of addresses: its address has bits beyond the prefix, \(expected) has not"
        }
    }
}
