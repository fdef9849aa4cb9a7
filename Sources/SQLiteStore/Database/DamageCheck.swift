import Formats
import GRDB
import Platform

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Looks whether a file is a whole SQLite database that this Vigil knows, without changing it.
enum DamageCheck {
    /// Reads the database's head and its version, and all of its structure where its seal is not intact.
    ///
    /// - Parameter isSealed: nil where there is no seal
    static func run(_ path: String, isSealed: Bool?) throws(StateError) {
        let log = size(path + "-wal")
        guard let bytes = size(path), bytes > 0 else {
            // SQLite would begin anew, and remove the log with all that was committed to it.
            if isSealed != nil || (log ?? 0) > 0 {
                throw .damaged(path: path, reason: "it is empty or not there, but what belongs to it is")
            }
            return
        }
        try checkHead(path)
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        // So that closing it does not bring the log into a database that is damaged.
        configuration.readonly = true
        let problem: String?
        let isNewer: Bool
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            (problem, isNewer) = try queue.inDatabase { db in
                let isWhole = isSealed == true && (log ?? 0) == 0
                return (
                    isWhole ? "ok" : try String.fetchOne(db, sql: "PRAGMA quick_check(1)"),
                    try Schema.migrator.hasBeenSuperseded(db)
                )
            }
        } catch let error as DatabaseError where error.extendedResultCode == .SQLITE_READONLY_ROLLBACK {
            // It was being made when its process ended, before there was anything in it: SQLite clears that up.
            return
        } catch let error as DatabaseError where !StoreFault.isDamage(error) {
            throw .unusable(path: path, reason: error.message ?? "\(error.resultCode)")
        } catch {
            throw .damaged(path: path, reason: (error as? DatabaseError)?.message ?? "\(error)")
        }
        if let problem, problem != "ok" {
            throw .damaged(path: path, reason: problem.pieces(between: ASCII.lineFeed).joined(separator: "; "))
        }
        if isNewer { throw .newer(path: path) }
    }

    private static func checkHead(_ path: String) throws(StateError) {
        let file: MappedFile
        do throws(FileError) { file = try MappedFile(path: path) } catch {
            throw .unusable(path: path, reason: error.description)
        }
        guard file.withUnsafeBytes({ Array($0.prefix(16)) }) == Array("SQLite format 3\u{0}".utf8) else {
            throw .damaged(path: path, reason: "it does not begin as a database of SQLite does")
        }
    }

    /// The bytes of what is there, nil where nothing is. A folder has some too.
    private static func size(_ path: String) -> Int? {
        var status = stat()
        return stat(path, &status) == 0 ? Int(status.st_size) : nil
    }
}
