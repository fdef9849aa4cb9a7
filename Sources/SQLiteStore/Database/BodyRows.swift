import GRDB
import Jobs

/// Payloads and results as rows; their files are somebody else's.
struct BodyRows {
    /// Where a body is, and what it has to be.
    struct Place: Sendable {
        let bytes: Int
        let sha256: [UInt8]
        /// Nil where it is in a file.
        let body: [UInt8]?
    }

    struct Payload: Sendable {
        let form: PayloadForm
        let width: Int
        let options: [UInt8]
        let place: Place
    }

    let db: Database

    func insert(_ payload: StoredPayload, _ job: JobID) throws {
        try db.cachedStatement(
            sql: "INSERT INTO payloads (job, form, width, options, bytes, sha256, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
        ).execute(arguments: [
            job.blob, payload.form.rawValue, payload.width, Blob(payload.options), payload.body.bytes.count,
            Blob(payload.body.sha256), payload.body.column,
        ])
    }

    func payload(_ job: JobID) throws -> Payload? {
        let statement = try db.cachedStatement(
            sql: "SELECT form, width, options, bytes, sha256, body FROM payloads WHERE job = ?")
        return try Row.fetchOne(statement, arguments: [job.blob]).flatMap { row in
            guard let form = PayloadForm(rawValue: row["form"]), let options = row["options"] as Blob?,
                let place = Self.place(row)
            else { return nil }
            return Payload(form: form, width: row["width"], options: options.bytes, place: place)
        }
    }

    func insert(_ result: StoredBody, _ job: JobID) throws {
        try db.cachedStatement(sql: "INSERT INTO results (job, bytes, sha256, body) VALUES (?, ?, ?, ?)")
            .execute(arguments: [job.blob, result.bytes.count, Blob(result.sha256), result.column])
    }

    func result(_ job: JobID) throws -> Place? {
        let statement = try db.cachedStatement(sql: "SELECT bytes, sha256, body FROM results WHERE job = ?")
        return try Row.fetchOne(statement, arguments: [job.blob]).flatMap(Self.place)
    }

    /// Lets go of an input: at once, or at a time.
    func endPayload(_ job: JobID, expires: Int64?) throws {
        if let expires {
            try db.cachedStatement(sql: "UPDATE payloads SET expires = ? WHERE job = ?")
                .execute(arguments: [expires, job.blob])
        } else {
            try db.cachedStatement(sql: "DELETE FROM payloads WHERE job = ?").execute(arguments: [job.blob])
        }
    }

    func remove(_ job: JobID) throws {
        for table in ["payloads", "results"] {
            try db.cachedStatement(sql: "DELETE FROM \(table) WHERE job = ?").execute(arguments: [job.blob])
        }
    }

    /// The names of the files that belong to rows.
    func fileNames() throws -> Set<String> {
        var names: Set<String> = []
        for (table, kind) in [("payloads", BodyFiles.Kind.input), ("results", .output)] {
            let ids = try Blob.fetchAll(db, sql: "SELECT job FROM \(table) WHERE body IS NULL")
            for id in ids.compactMap({ JobID($0) }) { names.insert("\(id).\(kind.rawValue)") }
        }
        return names
    }

    private static func place(_ row: Row) -> Place? {
        guard let sha256 = row["sha256"] as Blob? else { return nil }
        return Place(bytes: row["bytes"], sha256: sha256.bytes, body: (row["body"] as Blob?)?.bytes)
    }
}
