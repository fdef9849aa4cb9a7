import GRDB
import Platform

/// State folders that are not this process's.
extension StateFolder {
    /// The most folders that are looked at.
    private static let mostFolders = 256

    /// The folders in a folder, in the order of their names.
    public static func folders(in path: String) -> [String] {
        Directory.names(in: path, most: mostFolders) { !$0.begins(with: ".") }.map { "\(path)/\($0)" }.sorted()
    }

    /// Whether there is anything of a store in a folder.
    public static func hasAny(in path: String) -> Bool { StatePlaces(folder: path).hasAny }

    /// How many jobs have not ended in a folder that no process has; nil where one has it, or nothing can be said. Nothing
    /// in it is changed.
    public static func waitingJobs(in path: String) -> Int? {
        guard let lock = try? lockToRead(path) else { return nil }
        defer { withExtendedLifetime(lock) {} }
        return try? DatabaseCheck.reading(StatePlaces(folder: path).database) { db in
            try Int.fetchOne(db, sql: "SELECT count(*) FROM jobs WHERE status <= 1")
        }
    }
}
