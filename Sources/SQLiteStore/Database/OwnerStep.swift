import GRDB

/// The step after which a job says whose it is, and the use of each account is counted.
///
/// However many jobs there are, it takes little memory and no temporary file: the indexes come before what is in them, and a
/// statement changes few rows.
struct OwnerStep {
    private static let most = 500

    let db: Database

    func run() throws {
        try db.execute(sql: Schema.owners)
        var last = Blob([])
        let ids = "SELECT max(id) FROM (SELECT id FROM jobs WHERE id > ? ORDER BY id LIMIT ?)"
        while let next = try Blob.fetchOne(db, sql: ids, arguments: [last, Self.most]) {
            // A job of before is of the key that it came with, which its client was called by.
            try db.execute(
                sql: """
                    UPDATE jobs SET owner = substr(client, 5) WHERE id > ? AND id <= ? AND client GLOB 'key ?*'
                    """, arguments: [last, next])
            last = next
        }
    }
}
