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
    /// - Parameter path: what the errors call the file.
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
    /// - Parameter timestamp: when the notice is sent, in seconds since 1970; receivers refuse old ones.
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

/// The file of secrets, which is read again while the server runs.
public typealias WebhookSecretFile = ReloadedFile<WebhookSecrets, WebhookSecretError>

extension ReloadedFile where Value == WebhookSecrets, Failure == WebhookSecretError {
    /// Reads the file; throws where it can't be used.
    public convenience init(path: String) throws(WebhookSecretError) {
        try self.init { () throws(WebhookSecretError) in try WebhookSecrets(path: path) }
    }
}
