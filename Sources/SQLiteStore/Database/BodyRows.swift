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

    struct Result: Sendable {
        let place: Place
        /// The name of the file that it is in.
        let file: String?
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
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: "SELECT form, width, options, bytes, sha256, body FROM payloads WHERE job = ?"),
            arguments: [job.blob])
        guard let row = try rows.next() else { return nil }
        let columns = Columns(row: row)
        do {
            guard let form = PayloadForm(rawValue: try columns.int(0)) else {
                throw StoreFault.unreadable("its features have a form that there is not")
            }
            let place = try Place(columns, from: 3)
            return Payload(form: form, width: try columns.int(1), options: try columns.bytes(2), place: place)
        } catch StoreFault.unreadable(let detail) { throw StoreFault.refused(.damaged(job, detail)) }
    }

    /// - Parameter file: the name of the file that a large result is in
    func insert(_ result: StoredBody, _ job: JobID, file: String) throws {
        try db.cachedStatement(sql: "INSERT INTO results (job, bytes, sha256, body, file) VALUES (?, ?, ?, ?, ?)")
            .execute(arguments: [
                job.blob, result.bytes.count, Blob(result.sha256), result.column, result.isLarge ? file : nil,
            ])
    }

    func result(_ job: JobID) throws -> Result? {
        let rows = try Row.fetchCursor(
            db.cachedStatement(sql: "SELECT bytes, sha256, body, file FROM results WHERE job = ?"),
            arguments: [job.blob])
        guard let row = try rows.next() else { return nil }
        let columns = Columns(row: row)
        do {
            return Result(place: try Place(columns, from: 0), file: try columns.optionalText(3))
        } catch StoreFault.unreadable(let detail) { throw StoreFault.refused(.damaged(job, detail)) }
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

    /// Removes the rows of a job, and gives the names of the files that are left of it.
    func remove(_ job: JobID) throws -> [String] {
        var files: [String] = []
        for sql in [
            "DELETE FROM payloads WHERE job = ? RETURNING CASE WHEN body IS NULL THEN '' END",
            "DELETE FROM results WHERE job = ? RETURNING file",
        ] {
            // A name that can't be read leaves a file that is nobody's, which is set aside at the next start.
            guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [job.blob]),
                let name = try? Columns(row: row).optionalText(0)
            else { continue }
            files.append(name.isEmpty ? BodyFiles.inputName(job) : name)
        }
        return files
    }

    static let inputFiles = "SELECT job FROM payloads WHERE body IS NULL"
    static let resultFiles = "SELECT file FROM results WHERE file IS NOT NULL"

    /// The names of the files that belong to rows.
    func fileNames() throws -> Set<String> {
        let inputs = try Blob.fetchAll(db, sql: Self.inputFiles)
        let results = try String.fetchAll(db, sql: Self.resultFiles)
        return Set(inputs.compactMap { JobID($0) }.map(BodyFiles.inputName)).union(results)
    }
}

extension BodyRows.Place {
    /// Reads `bytes`, `sha256` and `body`, which stand side by side.
    fileprivate init(_ columns: Columns, from place: Int) throws {
        bytes = try columns.int(place)
        sha256 = try columns.bytes(place + 1)
        body = try columns.optionalBytes(place + 2)
    }
}
