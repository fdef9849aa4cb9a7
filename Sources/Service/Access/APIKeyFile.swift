public import Logging
import Synchronization

/// The file of API keys, and the keys that were in it when it was last good.
public final class APIKeyFile: Sendable {
    private struct State {
        var keys: APIKeys
        /// The file that the keys are from, or that was found to be bad.
        var seen: FileContents.Stamp?
    }

    private let path: String
    private let logger: Logger
    private let state: Mutex<State>

    /// Reads the file; throws where it can't be used.
    public init(path: String, logger: Logger) throws(APIKeyError) {
        self.path = path
        self.logger = logger
        let file = try FileContents(path)
        let keys = try APIKeys(file.text, path: path)
        state = Mutex(State(keys: keys, seen: file.stamp))
        report(keys, file.stamp)
    }

    /// The keys that count now.
    public var current: APIKeys { state.withLock { $0.keys } }

    /// Reads the file again. A file that can't be used changes nothing but the log: a typing error must not lock
    /// everyone out, nor let anyone in.
    ///
    /// - Returns: whether its keys count now.
    @discardableResult
    public func reload() -> Bool {
        var stamp: FileContents.Stamp?
        do throws(APIKeyError) {
            let file = try FileContents(path)
            stamp = file.stamp
            let keys = try APIKeys(file.text, path: path)
            state.withLock { $0 = State(keys: keys, seen: file.stamp) }
            report(keys, file.stamp)
            return true
        } catch {
            state.withLock { $0.seen = stamp }
            logger.error("the API keys are not changed: the file can't be used", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Reads the file again if it is another one than was read last, or was written to.
    ///
    /// - Returns: whether new keys count now.
    @discardableResult
    public func reloadIfChanged() -> Bool {
        guard let stamp = FileContents.Stamp(path), stamp != state.withLock({ $0.seen }) else { return false }
        return reload()
    }

    /// Looks for changes until the task is cancelled.
    public func watch(every interval: Duration = .seconds(2)) async {
        while (try? await Task.sleep(for: interval)) != nil { reloadIfChanged() }
    }

    private func report(_ keys: APIKeys, _ stamp: FileContents.Stamp) {
        logger.info("API keys are read", metadata: ["file": "\(path)", "keys": "\(keys.count)"])
        if stamp.isReadableByAll {
            logger.warning(
                "everyone on this system can read the API keys' hashes: chmod o-r", metadata: ["file": "\(path)"])
        }
    }
}
