public import Logging
import Synchronization
public import Webhooks

/// The file of secrets that notices are signed with, and the secrets that were in it when it was last good.
public final class WebhookSecretFile: Sendable {
    private let path: String
    private let logger: Logger
    private let secrets: Mutex<WebhookSecrets>

    /// Reads the file; throws where it can't be used.
    public init(path: String, logger: Logger) throws(WebhookSecretError) {
        self.path = path
        self.logger = logger
        secrets = Mutex(try Self.read(path, logger))
    }

    /// The secrets that count now.
    public var current: WebhookSecrets { secrets.withLock { $0 } }

    /// Reads the file again. A file that can't be used changes nothing but the log.
    public func reload() {
        do throws(WebhookSecretError) {
            let read = try Self.read(path, logger)
            secrets.withLock { $0 = read }
            logger.info("webhook secrets are read", metadata: ["file": "\(path)", "secrets": "\(read.count)"])
        } catch {
            logger.error("the webhook secrets are not changed: the file can't be used", metadata: ["error": "\(error)"])
        }
    }

    private static func read(_ path: String, _ logger: Logger) throws(WebhookSecretError) -> WebhookSecrets {
        let file: FileContents
        do throws(APIKeyError) { file = try FileContents(path) } catch { throw WebhookSecretError(error.description) }
        let secrets = try WebhookSecrets(file.text, path: path)
        if file.isReadableByAll {
            logger.warning(
                "everyone on this system can read the webhook secrets: chmod o-r", metadata: ["file": "\(path)"])
        }
        return secrets
    }
}
