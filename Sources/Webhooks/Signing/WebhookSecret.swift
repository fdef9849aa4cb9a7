import Platform

/// A secret that receivers share with us, to know our notices by. It shows itself to nobody: neither descriptions nor
/// dumps nor errors have anything of it.
public struct WebhookSecret: Sendable {
    /// How many bytes the specification allows.
    static let sizes = 24...64
    private static let prefix = "whsec_"

    private let key: [UInt8]

    /// Reads `whsec_` and the secret's 24 to 64 bytes in Base64.
    public init(_ text: some StringProtocol) throws(WebhookSecretError) {
        guard text.begins(with: Self.prefix) else {
            throw WebhookSecretError("a webhook secret begins with whsec_, and this one does not")
        }
        // The longest has 88 digits; nothing more is decoded.
        let digits = text.dropFirst(Self.prefix.utf8.count)
        guard digits.utf8.count <= 4096, let key = Base64.decode(digits) else {
            throw WebhookSecretError(
                "after whsec_ there has to be Base64 with its padding, such as openssl rand writes")
        }
        guard Self.sizes.contains(key.count) else {
            throw WebhookSecretError(
                "a webhook secret has \(Self.sizes.lowerBound) to \(Self.sizes.upperBound) bytes, this one \(key.count)"
            )
        }
        self.key = key
    }

    /// One signature, `v1,` and Base64; nil where memory has run out.
    func signature(of bytes: [UInt8]) -> String? {
        let code = HMACSHA256.code(of: bytes, key: key)
        return code.isEmpty ? nil : "v1," + Base64.encode(code)
    }

    /// Whether both are the same, in a time that depends on their length alone.
    func isSame(as other: WebhookSecret) -> Bool { SHA256.areEqual(key, other.key) }
}

extension WebhookSecret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Nothing of the secret.
    public var description: String { "a webhook secret" }
    /// Nothing of the secret.
    public var debugDescription: String { description }
    /// Nothing of the secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a secret, or a file of them, can't be used: one sentence that shows nothing of what was read.
public struct WebhookSecretError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    /// An error of this sentence.
    public init(_ description: String) { self.description = description }
}
