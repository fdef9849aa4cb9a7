/// What the last lines of a log tell of jobs, for who compares that with what a store has.
public struct AuditTail: Sendable {
    /// The bytes that are read for it at most.
    static let mostBytes = 8 << 20

    /// The time of the first of these lines: what was done since is among them, if it is in the log at all; nil for no lines.
    public let since: String?
    /// The time of the last one.
    public let last: String?
    private var jobs: Set<String>

    init(_ lines: [AuditLine]) {
        since = lines.first?.time
        last = lines.last?.time
        let actions = Set([AuditEntry.Action.submit, .recovered].map(\.rawValue))
        jobs = Set(lines.compactMap { actions.contains($0.action) ? $0.job : nil })
    }

    /// Whether one of the lines says that a job was handed in.
    public func hasSubmission(of job: String) -> Bool { jobs.contains(job) }
}
