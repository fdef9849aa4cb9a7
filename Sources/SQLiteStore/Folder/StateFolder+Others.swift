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
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while names.count < mostFolders, let entry = readdir(directory) {
            // The name ends with a NUL inside the array.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append("\(path)/\(name)") }
        }
        return names.sorted()
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
