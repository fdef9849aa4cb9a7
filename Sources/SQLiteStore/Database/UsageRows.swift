import GRDB
import Jobs

/// What accounts have handed in on their last day, a row each.
struct UsageRows {
    let db: Database

    /// What the account has handed in; nil where that is not known, as of a row that can't be read: it locks nobody out.
    func usage(of account: String) throws -> DailyUsage? {
        let statement = try db.cachedStatement(sql: "SELECT day, jobs, bytes, units FROM usage WHERE account = ?")
        guard let row = try Row.fetchOne(statement, arguments: [Text(account)]) else { return nil }
        let columns = Columns(row: row)
        guard let day = try? columns.int64(0), let jobs = try? columns.int(1), let bytes = try? columns.int(2),
            let units = try? columns.int(3)
        else { return nil }
        return DailyUsage(day: day, jobs: jobs, bytes: bytes, units: units)
    }

    func write(_ usage: DailyUsage, of account: String) throws {
        try db.cachedStatement(
            sql: "INSERT OR REPLACE INTO usage (account, day, jobs, bytes, units) VALUES (?, ?, ?, ?, ?)"
        ).execute(arguments: [Text(account), usage.day, usage.jobs, usage.bytes, usage.units])
    }

    /// Counts a submission in.
    ///
    /// - Returns: the bound that it would be beyond, where nothing is counted; an error would undo what others have in the
    ///   transaction
    func charge(_ submission: Submission, at wall: WallTime) throws -> QuotaExcess? {
        guard let account = submission.account else { return nil }
        let known = try usage(of: account.name)
        let charged: DailyUsage
        do throws(QuotaExcess) { charged = try account.charged(known, for: submission, at: wall) } catch {
            return error
        }
        try write(charged, of: account.name)
        return nil
    }
}
