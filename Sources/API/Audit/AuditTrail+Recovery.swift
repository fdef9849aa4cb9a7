import Audit
public import Jobs

extension AuditTrail {
    /// How long before the last line a job may have been committed whose own line was not written any more.
    private static let marginMilliseconds: Int64 = 60_000
    private static let page = 1_000

    /// Writes down the jobs of a store that were handed in since shortly before the last line and of which the log has none:
    /// the process ended between the commit and the line, or the line could not be written.
    ///
    /// - Returns: how many there are
    public func recover(from backlog: Backlog) async throws(JobStoreError) -> Int {
        // Which of them came to another server is not known, and that has a log of its own.
        guard !backlog.isShared else { return 0 }
        guard let since = log.tail.since.flatMap({ WallTime($0) }), let last = log.tail.last.flatMap({ WallTime($0) })
        else { return 0 }
        var filter = JobFilter()
        filter.from = max(since, WallTime(milliseconds: last.milliseconds - Self.marginMilliseconds))
        var (count, cursor) = (0, nil as JobID?)
        while case let jobs = try await backlog.list(filter, limit: Self.page, before: cursor), !jobs.isEmpty {
            cursor = jobs.last?.id
            let entries = jobs.filter { !log.tail.hasSubmission(of: $0.id.description) }.map(Self.recovered)
            count += entries.count
            _ = await log.add(entries)
        }
        return count
    }

    private static func recovered(_ job: Job) -> AuditEntry {
        var entry = AuditEntry(.recovered)
        entry.tell(of: job)
        entry.owner = job.owner
        return entry
    }
}
