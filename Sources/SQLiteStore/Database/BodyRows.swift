import GRDB
import Jobs
import Payloads

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
        /// The bytes of the input before they were put into that form.
        let plain: Int
        /// Whether it came as numbers.
        let areFloats: Bool
        /// What an older Vigil's digest counts in; empty in newer rows, whose digest has the job's subject there.
        let options: [UInt8]
        let place: Place
    }

    struct Result: Sendable {
        let place: Place
        /// The name of the file that it is in.
        let file: String?
    }

    let db: Database
    /// Those of the connection that writes; nil for one that is only looked into.
    var statements: JobStatements?

    private var prepared: JobStatements { statements ?? JobStatements(db) }

    func insert(_ payload: StoredPayload, _ job: JobID) throws {
        try prepared.run(
            .insertPayload,
            """
            INSERT INTO payloads (job, form, plain, floats, options, bytes, sha256, body)
            VALUES (?, ?, ?, ?, x'', ?, ?, ?)
            """
        ) { values in
            values.id(job)
            values.int(payload.form.rawValue)
            values.int(payload.plain)
            values.bool(payload.areFloats)
            values.int(payload.body.bytes.count)
            values.blob(payload.body.sha256)
            values.blob(payload.body.column)
        }
    }

    func payload(_ job: JobID) throws -> Payload? {
        let rows = try Row.fetchCursor(
            db.cachedStatement(
                sql: "SELECT form, plain, floats, options, bytes, sha256, body FROM payloads WHERE job = ?"),
            arguments: [job.blob])
        guard let row = try rows.next() else { return nil }
        let columns = Columns(row: row)
        do {
            guard let form = PayloadForm(rawValue: try columns.int(0)) else {
                throw StoreFault.unreadable("its input has a form that there is not")
            }
            return Payload(
                form: form, plain: try columns.int(1), areFloats: try columns.int(2) != 0,
                options: try columns.bytes(3), place: try Place(columns, from: 4))
        } catch StoreFault.unreadable(let detail) { throw StoreFault.refused(.damaged(job, detail)) }
    }

    /// Where the input of a job is, and what its digest counts in before its bytes. It is asked of older folders too.
    func input(_ job: JobID) throws -> (subject: [UInt8], place: Place)? {
        let sql = "SELECT options, bytes, sha256, body FROM payloads WHERE job = ?"
        guard let row = try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [job.blob]) else { return nil }
        let columns = Columns(row: row)
        do {
            let (options, place) = (try columns.bytes(0), try Place(columns, from: 1))
            guard options.isEmpty else { return (options, place) }
            let row = try Row.fetchOne(
                db.cachedStatement(sql: "SELECT subject FROM jobs WHERE id = ?"), arguments: [job.blob])
            return (try row.map { try Columns(row: $0).bytes(0) } ?? [], place)
        } catch StoreFault.unreadable(let detail) { throw StoreFault.refused(.damaged(job, detail)) }
    }

    /// - Parameter file: the name of the file that a large result is in
    func insert(_ result: StoredBody, _ job: JobID, file: String) throws {
        try prepared.run(
            .insertResult, "INSERT INTO results (job, bytes, sha256, body, file) VALUES (?, ?, ?, ?, ?)"
        ) { values in
            values.id(job)
            values.int(result.bytes.count)
            values.blob(result.sha256)
            values.blob(result.column)
            values.text(result.isLarge ? file : nil)
        }
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

    /// Whether the input of a job is in a file.
    func isInFile(_ job: JobID) throws -> Bool {
        let sql = "SELECT 1 FROM payloads WHERE job = ? AND body IS NULL"
        return try Row.fetchOne(db.cachedStatement(sql: sql), arguments: [job.blob]) != nil
    }

    /// Lets go of an input: at once, or at a time.
    func endPayload(_ job: JobID, expires: Int64?) throws {
        if let expires {
            try prepared.run(.keepPayload, "UPDATE payloads SET expires = ? WHERE job = ?") { values in
                values.int64(expires)
                values.id(job)
            }
        } else {
            try prepared.run(.removePayload, "DELETE FROM payloads WHERE job = ?") { $0.id(job) }
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
