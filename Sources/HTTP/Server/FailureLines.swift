import Platform

/// Which failed requests the log tells of: of each problem the first few in a while, so that a full disk under load does
/// not fill another with lines that all say the same.
struct FailureLines {
    private struct Row {
        let began: MonotonicTime
        var told = 0
        var leftOut = 0
    }

    /// How many of a problem are told in a while.
    static let most = 5
    static let pause = Duration.seconds(10)

    /// By their slugs, which are the program's own and few.
    private var rows: [ByteText: Row] = [:]

    /// Whether to tell of one: how many of its kind were left out since the last one that was told; nil where this one is too.
    mutating func tell(of problem: String, at now: MonotonicTime) -> Int? {
        let problem = ByteText(problem)
        var row = rows[problem] ?? Row(began: now)
        if now - row.began >= Self.pause { row = Row(began: now, leftOut: row.leftOut) }
        defer { rows[problem] = row }
        guard row.told < Self.most else {
            row.leftOut += 1
            return nil
        }
        defer { row.leftOut = 0 }
        row.told += 1
        return row.leftOut
    }
}
