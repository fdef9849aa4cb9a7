import GRDB
import Platform

/// Looks whether a file is a whole SQLite database that this Vigil knows, without changing it.
enum DatabaseCheck {
    /// Reads the database's version, and all of its structure.
    ///
    /// - Parameter isDeep: false where its bytes are known to be those that were written
    static func run(_ path: String, isDeep: Bool) throws(StateError) {
        let problem: String?
        let isNewer: Bool
        do {
            (problem, isNewer) = try reading(path) { db in
                (
                    isDeep ? try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") : "ok",
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

    /// Reads a database that nobody else works on, without changing it or its log.
    static func reading<Value>(_ path: String, _ body: (Database) throws -> Value) throws -> Value {
        let before = ["-wal", "-shm"].filter { access(path + $0, F_OK) != 0 }
        // What SQLite makes to read with is no change, but nobody shall wonder at it either.
        defer { for name in before { unlink(path + name) } }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        // So that closing it does not bring the log into a database that is damaged.
        configuration.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? queue.close() }
        return try queue.inDatabase(body)
    }
}
