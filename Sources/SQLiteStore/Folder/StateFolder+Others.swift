import GRDB

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// State folders that are not this process's.
extension StateFolder {
    /// The most folders that are looked at.
    private static let mostFolders = 256

    /// The folders in a folder, in the order of their names.
    public static func folders(in path: String) -> [String] {
        Directory.names(in: path, most: mostFolders) { !$0.begins(with: ".") }.map { "\(path)/\($0)" }.sorted()
    }

    /// How many jobs have not ended in a folder that no process has; nil where one has it, or nothing can be said. Nothing
    /// in it is changed.
    public static func waitingJobs(in path: String) -> Int? {
        let lock = open(path + "/lock", O_RDONLY | O_CLOEXEC)
        guard lock >= 0 else { return nil }
        defer { close(lock) }
        guard flock(lock, LOCK_SH | LOCK_NB) == 0 else { return nil }
        var configuration = Configuration()
        configuration.readonly = true
        guard let queue = try? DatabaseQueue(path: path + "/jobs.sqlite", configuration: configuration) else {
            return nil
        }
        return try? queue.inDatabase { try Int.fetchOne($0, sql: "SELECT count(*) FROM jobs WHERE status <= 1") }
    }
}
