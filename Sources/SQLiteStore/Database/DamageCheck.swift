import Formats
import GRDB

/// Looks whether a file is a whole SQLite database, without changing it.
enum DamageCheck {
    /// Reads all of the database's structure where its seal is broken, else its head.
    static func run(_ path: String, isSealed: Bool) throws(StateError) {
        guard let file = try? MappedFile(path: path), file.count > 0 else { return }
        let head = file.withUnsafeBytes { Array($0.prefix(16)) }
        guard head == Array("SQLite format 3\u{0}".utf8) else {
            throw .damaged(path: path, reason: "it does not begin as a database of SQLite does")
        }
        if isSealed { return }
        var configuration = Configuration()
        configuration.busyMode = .timeout(5)
        // So that closing it does not bring the log into a database that is damaged.
        configuration.readonly = true
        let problem: String?
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            problem = try queue.inDatabase { try String.fetchOne($0, sql: "PRAGMA quick_check(1)") }
        } catch let error as DatabaseError {
            throw .damaged(path: path, reason: error.message ?? "\(error.resultCode)")
        } catch {
            throw .damaged(path: path, reason: "\(error)")
        }
        if let problem, problem != "ok" {
            throw .damaged(path: path, reason: problem.split(separator: "\n").joined(separator: "; "))
        }
    }
}
