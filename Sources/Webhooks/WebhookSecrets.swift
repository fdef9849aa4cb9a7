public import Platform

/// The secrets that notices are signed with: one, or while it is being replaced the new one and the old.
public struct WebhookSecrets: Sendable {
    /// More would make a field that receivers refuse.
    static let maxCount = 8

    private let secrets: [WebhookSecret]

    /// How many there are.
    public var count: Int { secrets.count }

    /// One secret alone.
    public init(_ secret: WebhookSecret) {
        secrets = [secret]
    }

    /// Reads a file of secrets.
    public init(path: String) throws(WebhookSecretError) {
        let text: String
        do throws(SmallFile.Failure) {
            text = try SmallFile.text(path, expected: "lines of whsec_BASE64")
        } catch {
            throw WebhookSecretError(error.description)
        }
        try self.init(text, path: path)
    }

    /// Reads the text of a file of secrets, one a line; empty lines, and lines that begin with #, are passed over. Notices get a
    /// signature by each of them, in the order of the file.
    ///
    /// - Parameters:
    ///   - text: the file's text
    ///   - path: what the errors call the file.
    public init(_ text: String, path: String) throws(WebhookSecretError) {
        var secrets: [(secret: WebhookSecret, line: Int)] = []
        // As bytes: to Swift the line end of Windows is one character, which is not a line feed.
        let rows = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, row) in rows.enumerated() {
            let line = Self.trimmed(Substring(row))
            guard !line.isEmpty, !line.begins(with: "#") else { continue }
            let place = "\(path):\(index + 1)"
            let secret: WebhookSecret
            do throws(WebhookSecretError) { secret = try WebhookSecret(line) } catch {
                throw WebhookSecretError("\(place): \(error)")
            }
            if let twin = secrets.first(where: { $0.secret.isSame(as: secret) }) {
                throw WebhookSecretError("\(place): the same secret stands on line \(twin.line)")
            }
            secrets.append((secret, index + 1))
        }
        guard !secrets.isEmpty else {
            throw WebhookSecretError("\(path): there is no secret in it: expected lines of whsec_BASE64")
        }
        guard secrets.count <= Self.maxCount else {
            throw WebhookSecretError(
                "\(path): \(secrets.count) secrets are too many: expected at most \(Self.maxCount)")
        }
        self.secrets = secrets.map(\.secret)
    }

    /// The field `webhook-signature`: a signature by each secret, separated by spaces; nil where memory has run out.
    ///
    /// - Parameters:
    ///   - message: what is signed
    ///   - timestamp: when the notice is sent, in seconds since 1970; receivers refuse old ones.
    public func signatures(of message: WebhookMessage, timestamp: Int) -> String? {
        let signed = Array("\(message.id).\(timestamp).".utf8) + message.body
        var signatures: [String] = []
        for secret in secrets {
            guard let signature = secret.signature(of: signed) else { return nil }
            signatures.append(signature)
        }
        return signatures.joined(separator: " ")
    }

    /// Without blanks, tabs and carriage returns at both ends.
    private static func trimmed(_ text: Substring) -> Substring {
        text.trimmed { ASCII.isBlank($0) || $0 == ASCII.carriageReturn }
    }
}

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

/// The file of secrets, which is read again while the server runs.
public typealias WebhookSecretFile = ReloadedFile<WebhookSecrets, WebhookSecretError>

extension ReloadedFile where Value == WebhookSecrets, Failure == WebhookSecretError {
    /// Reads the file; throws where it can't be used.
    public convenience init(path: String) throws(WebhookSecretError) {
        try self.init { () throws(WebhookSecretError) in try WebhookSecrets(path: path) }
    }
}
