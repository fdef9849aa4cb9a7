import Jobs
import Logging
import Platform

/// Whose quota of snippets a video's rows count against. What its header says is counted when it comes, the rest as rows are made.
struct VideoBill: Sendable, Equatable {
    /// The account's name.
    let account: String
    /// The snippets that it may have a day; nil where that is not bounded.
    let limit: Int?
    /// The day on which the job came, in days since 1970.
    let day: Int64
    /// The rows that were counted then.
    let rows: Int

    init(_ account: Account, rows: Int, at wall: WallTime) {
        self.account = account.name
        limit = account.quota.units
        day = CalendarDate.day(ofMilliseconds: wall.milliseconds).daysSince1970
        self.rows = rows
    }

    func write(to writer: inout ByteWriter) {
        writer.text(account)
        writer.integer(limit ?? -1)
        writer.integer(Int(day))
        writer.integer(rows)
    }

    init?(from reader: inout ByteReader) {
        guard let account = reader.text(), let limit = reader.integer(), let day = reader.integer(),
            let rows = reader.integer(), rows >= 0
        else { return nil }
        (self.account, self.limit, self.day, self.rows) = (account, limit < 0 ? nil : limit, Int64(day), rows)
    }

    /// Counts rows that came beside those, or did not come.
    ///
    /// - Returns: why no more may come
    func settle(_ rows: Int, with backlog: Backlog) async -> JobFailure? {
        let account = Account(name: account, quota: DailyQuota(units: limit))
        let excess: QuotaExcess?
        do throws(JobStoreError) { excess = try await backlog.settle(rows, of: account, since: day) } catch {
            backlog.logger.warning("\(counted(rows, "row")) of a video could not be counted: \(error)")
            return nil
        }
        return excess.map { excess in
            JobFailure(
                reason: "quota-exceeded",
                detail:
                    "The video has more rows than its header says, and with them \(excess.account) would have more than the "
                    + "\(excess.limit) snippets that it may a day (UTC).")
        }
    }
}
