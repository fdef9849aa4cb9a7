import GRDB
import Jobs

/// The step after which a job is a kind, a subject and an input, whatever it is about.
///
/// Until then all jobs were videos to be scored: rows of so many features, with the features' digest and warnings in columns
/// of the job, and the options beside the input. This writes all that into the subject, as `Service/Scoring/ScoreSubject`
/// reads it in its version 1. That form stays what it is: it is that of jobs on disks.
struct KindStep {
    private static let most = 500

    let db: Database

    func run() throws {
        try db.execute(
            sql: """
                ALTER TABLE jobs ADD COLUMN kind TEXT NOT NULL DEFAULT 'score';
                ALTER TABLE jobs ADD COLUMN subject BLOB NOT NULL DEFAULT x'';
                ALTER TABLE payloads ADD COLUMN plain INTEGER NOT NULL DEFAULT 0 CHECK (plain >= 0);
                ALTER TABLE payloads ADD COLUMN floats INTEGER NOT NULL DEFAULT 1 CHECK (floats IN (0, 1));
                UPDATE payloads
                SET plain = coalesce((SELECT 4 * payloads.width * snippets FROM jobs WHERE id = payloads.job), 0);
                """)
        var last = Blob([])
        while let next = try writeSubjects(after: last) { last = next }
        try db.execute(
            sql: """
                ALTER TABLE jobs DROP COLUMN snippets;
                ALTER TABLE jobs DROP COLUMN features_sha256;
                ALTER TABLE jobs DROP COLUMN warnings;
                ALTER TABLE payloads DROP COLUMN width;
                """)
    }

    /// Writes the subjects of some jobs, and gives the ID of the last one; nil where there was none.
    private func writeSubjects(after last: Blob) throws -> Blob? {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT id, snippets, features_sha256, warnings, width, options
                FROM jobs LEFT JOIN payloads ON payloads.job = jobs.id WHERE id > ? ORDER BY id LIMIT ?
                """, arguments: [last, Self.most])
        for row in rows {
            let columns = Columns(row: row)
            // A row that can't be read is told of when it is looked at, and keeps no folder from being opened.
            guard let id = try? columns.id(0), let subject = try? subject(columns) else { continue }
            try db.execute(sql: "UPDATE jobs SET subject = ? WHERE id = ?", arguments: [subject, id.blob])
        }
        guard let row = rows.last else { return nil }
        return Blob(try Columns(row: row).bytes(0))
    }

    private func subject(_ columns: Columns) throws -> Blob {
        var bytes: [UInt8] = []
        func write(_ number: Int) { withUnsafeBytes(of: Int64(number).littleEndian) { bytes.append(contentsOf: $0) } }
        func write(_ field: [UInt8]) {
            write(field.count)
            bytes += field
        }
        write(1)
        write(try columns.int(1))
        write(try columns.optionalInt(4) ?? 0)
        write(Array(try columns.text(2).utf8))
        write(Array(try columns.text(3).utf8))
        write(try columns.optionalBytes(5) ?? [])
        return Blob(bytes)
    }
}
