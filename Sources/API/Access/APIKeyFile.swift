public import Logging
import Synchronization

/// The file of API keys, and the keys that were in it when it was last good.
public final class APIKeyFile: Sendable {
    private let path: String
    private let logger: Logger
    private let keys: Mutex<APIKeys>

    /// Reads the file; throws where it can't be used.
    public init(path: String, logger: Logger) throws(APIKeyError) {
        self.path = path
        self.logger = logger
        let file = try FileContents(path)
        let keys = try APIKeys(file.text, path: path)
        self.keys = Mutex(keys)
        report(keys, isReadableByAll: file.isReadableByAll)
    }

    /// The keys that count now.
    public var current: APIKeys { keys.withLock { $0 } }

    /// Reads the file again. A file that can't be used changes nothing but the log: a typing error must not lock
    /// everyone out, nor let anyone in.
    ///
    /// - Returns: whether its keys count now.
    @discardableResult
    public func reload() -> Bool {
        do throws(APIKeyError) {
            let file = try FileContents(path)
            let keys = try APIKeys(file.text, path: path)
            self.keys.withLock { $0 = keys }
            report(keys, isReadableByAll: file.isReadableByAll)
            return true
        } catch {
            logger.error("the API keys are not changed: the file can't be used", metadata: ["error": "\(error)"])
            return false
        }
    }

    private func report(_ keys: APIKeys, isReadableByAll: Bool) {
        logger.info("API keys are read", metadata: ["file": "\(path)", "keys": "\(keys.count)"])
        if isReadableByAll {
            logger.warning(
                "everyone on this system can read the API keys' hashes: chmod o-r", metadata: ["file": "\(path)"])
        }
    }
}
