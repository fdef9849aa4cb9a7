import Logging

/// Reads the settings again, to say what a config file would change: what a server was put together by stays until its
/// next start.
struct ConfigReading: Sendable {
    private let counting: Settings
    private let path: String
    private let read: @Sendable () throws -> Settings

    /// Nil where there is no config file, and nothing could have changed.
    ///
    /// - Parameters:
    ///   - counting: the settings that count
    ///   - read: reads them as they were read
    init?(_ counting: Settings, read: @escaping @Sendable () throws -> Settings) throws {
        guard let path = try counting.text("config") else { return nil }
        self.counting = counting
        self.path = path
        self.read = read
    }

    /// Tells the log which settings have changed since the start.
    func tell(_ logger: Logger) {
        let changes: [String]
        do { changes = counting.changes(in: try read()) } catch {
            let reason = (error as? Failure)?.description ?? "\(error)"
            logger.error(
                "SIGHUP: the config file can't be used, and nothing of it changes", metadata: ["error": "\(reason)"])
            return
        }
        if changes.isEmpty {
            logger.info("SIGHUP: the config file changes no setting", metadata: ["file": "\(path)"])
        } else {
            logger.warning(
                "SIGHUP: settings have changed that count from the next start on, since the server is put together by them",
                metadata: ["file": "\(path)", "settings": "\(changes.joined(separator: ", "))"])
        }
    }
}
