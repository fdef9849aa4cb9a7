import Platform

/// A notice: what is sent, and the name under which it is sent however often.
public struct WebhookMessage: Sendable, Equatable {
    /// The field `webhook-id`, by which receivers know a notice that they have had already.
    public let id: String
    /// JSON.
    public let body: [UInt8]

    /// A notice from its parts.
    ///
    /// - Parameter id: 1 to 128 letters, digits, hyphens and underscores; nil for others. Dots separate what is signed,
    ///   and would make two readings of it possible.
    public init?(id: String, body: [UInt8]) {
        guard (1...128).contains(id.utf8.count), id.utf8.allSatisfy(Self.isIDByte) else { return nil }
        self.id = id
        self.body = body
    }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}
