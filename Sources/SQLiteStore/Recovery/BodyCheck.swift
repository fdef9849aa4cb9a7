import GRDB
import Jobs

/// Holds each body to its digest, and tells of jobs that lack the row of theirs.
struct BodyCheck {
    let db: Database
    let files: BodyFiles

    func damages() throws -> [FolderReport.Damage] {
        let bodies = BodyRows(db: db)
        var damages: [FolderReport.Damage] = []
        func note(_ id: JobID, _ path: String, _ error: any Error) {
            let reason = StoreFault.reason(of: error)
            var text = reason.description
            if case .damaged(_, let detail) = reason { text = detail }
            damages.append(FolderReport.Damage(path: path, reason: text, job: "\(id)"))
        }
        for id in try Blob.fetchAll(db, sql: "SELECT job FROM payloads").compactMap({ JobID($0) }) {
            do {
                guard let input = try bodies.input(id) else { continue }
                let name = input.place.body == nil ? BodyFiles.inputName(id) : nil
                try check(input.place, name, of: id, subject: input.subject)
            } catch { note(id, files.path(BodyFiles.inputName(id)), error) }
        }
        for id in try Blob.fetchAll(db, sql: "SELECT job FROM results").compactMap({ JobID($0) }) {
            var path = "results"
            do {
                guard let result = try bodies.result(id) else { continue }
                if let file = result.file { path = files.path(file) }
                try check(result.place, result.file, of: id)
            } catch { note(id, path, error) }
        }
        for (what, path, sql) in Self.lacking {
            for id in try Blob.fetchAll(db, sql: sql).compactMap({ JobID($0) }) {
                damages.append(FolderReport.Damage(path: path, reason: "\(what) is not there", job: "\(id)"))
            }
        }
        return damages
    }

    /// A job that has not ended has its input, and one that succeeded its result: both go with the job's own row, inputs of
    /// ended jobs before.
    private static let lacking = [
        ("its input", "payloads", "SELECT id FROM jobs WHERE status <= 1 AND id NOT IN (SELECT job FROM payloads)"),
        ("its result", "results", "SELECT id FROM jobs WHERE status = 2 AND id NOT IN (SELECT job FROM results)"),
    ]

    private func check(_ place: BodyRows.Place, _ name: String?, of id: JobID, subject: [UInt8] = []) throws {
        let digest =
            try place.body.map { StoredBody.digest($0, subject: subject) }
            ?? files.digest(name ?? "", bytes: place.bytes, subject: subject, of: id)
        guard digest == place.sha256 else {
            throw JobStoreError.damaged(id, "its SHA-256 is not the one that was stored")
        }
    }
}
