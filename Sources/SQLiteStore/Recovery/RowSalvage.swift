import GRDB
import Jobs
import Platform

/// Reads row by row what a damaged database still gives, into a new one.
struct RowSalvage {
    /// A table, its key, and whether a job is the key; the last ones came later.
    private static let tables: [(name: String, key: String, isOfJob: Bool)] = [
        ("jobs", "id", true), ("payloads", "job", true), ("results", "job", true), ("callbacks", "job", true),
        ("keys", "client, text", false), ("clock", "one", false),
        ("usage", "account", false), ("remarks", "job", true), ("alerts", "job, place", false),
    ]

    private let old: String
    private let new: String
    private let files: String

    init(from old: String, to new: String, files: String) {
        self.old = old
        self.new = new
        self.files = files
    }

    /// Copies the rows; says what is known to be lost.
    func run() throws -> [String] {
        var configuration = Configuration()
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA page_size = \(StoreDatabase.pageSize)")
            try db.execute(sql: "PRAGMA auto_vacuum = INCREMENTAL")
            try db.execute(sql: "PRAGMA journal_mode = WAL")
        }
        let target = try DatabaseQueue(path: new, configuration: configuration)
        let source = try? DatabaseQueue(path: old)
        // With the columns of the one that it is read from; what came later is done afterwards.
        let done = source.flatMap { try? $0.inDatabase { try Schema.migrator.appliedIdentifiers($0) } } ?? []
        if let last = Schema.migrator.migrations.last(where: done.contains) {
            try Schema.migrator.migrate(target, upTo: last)
        } else {
            try Schema.migrator.migrate(target)
        }
        var losses: [String] = []
        if let source {
            let ids = candidates(source)
            for table in Self.tables where try target.inDatabase({ try $0.tableExists(table.name) }) {
                let columns = try target.inDatabase { try $0.columns(in: table.name).map(\.name) }
                let list = columns.joined(separator: ", ")
                for order in ["ASC", "DESC"] {
                    let key = table.key.pieces(between: ASCII.comma).map { "\($0) \(order)" }.joined(separator: ", ")
                    copy(source, "SELECT \(list) FROM \(table.name) ORDER BY \(key)", [], table.name, list, target)
                }
                guard table.isOfJob else { continue }
                for id in ids {
                    copy(
                        source, "SELECT \(list) FROM \(table.name) WHERE \(table.key) = ?", [id.blob], table.name, list,
                        target)
                }
            }
            let known = try target.inDatabase {
                Set(try Blob.fetchAll($0, sql: "SELECT id FROM jobs").compactMap { JobID($0) })
            }
            losses += ids.subtracting(known).sorted().map { "job \($0): its row can't be read" }
        }
        // A server knows what to do without it.
        try target.inDatabase { db in
            if (try? StoreDatabase.written(db)) == nil { try db.execute(sql: "DELETE FROM clock") }
        }
        try tidy(target)
        target.inDatabase { _ = try? $0.checkpoint(.truncate) }
        try target.close()
        return losses
    }

    /// Jobs that something else tells of.
    private func candidates(_ source: DatabaseQueue) -> Set<JobID> {
        var ids: Set<JobID> = []
        for sql in [
            "SELECT id FROM jobs INDEXED BY jobs_status", "SELECT id FROM jobs INDEXED BY jobs_model",
            // Of a folder of before.
            "SELECT id FROM jobs INDEXED BY jobs_live WHERE status <= 1",
            "SELECT job FROM payloads", "SELECT job FROM results", "SELECT job FROM keys", "SELECT job FROM callbacks",
            "SELECT job FROM alerts",
        ] {
            _ = try? source.inDatabase { db in
                let rows = try Blob.fetchCursor(db, sql: sql)
                while let blob = try rows.next() { if let id = JobID(blob) { ids.insert(id) } }
            }
        }
        for name in Directory.names(in: files) {
            if let id = JobID(String(name.prefix { $0 != "." })) { ids.insert(id) }
        }
        return ids
    }

    /// Copies rows up to the first that can't be read.
    private func copy(
        _ source: DatabaseQueue, _ sql: String, _ arguments: StatementArguments, _ table: String, _ columns: String,
        _ target: DatabaseQueue
    ) {
        let places = columns.pieces(between: ASCII.comma).map { _ in "?" }.joined(separator: ", ")
        _ = try? target.inDatabase { out in
            try out.inTransaction {
                _ = try? source.inDatabase { db in
                    let rows = try Row.fetchCursor(db, sql: sql, arguments: arguments)
                    while let row = try rows.next() {
                        let values = row.databaseValues.map { $0 }
                        // One that the tables refuse was changed.
                        _ = try? out.execute(
                            sql: "INSERT OR IGNORE INTO \(table) (\(columns)) VALUES (\(places))",
                            arguments: StatementArguments(values))
                    }
                }
                return .commit
            }
        }
    }

    /// Removes what belongs to no job that was found. Jobs without what they need are told of by ``BodyCheck``.
    private func tidy(_ target: DatabaseQueue) throws {
        try target.inDatabase { db in
            for table in ["payloads", "results", "callbacks", "keys", "remarks", "alerts"]
            where try db.tableExists(table) {
                try db.execute(sql: "DELETE FROM \(table) WHERE job NOT IN (SELECT id FROM jobs)")
            }
        }
    }
}
