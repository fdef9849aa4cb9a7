/// What holds of each job's row. The store's statements keep to it; `vigil store check` and the tests look whether they do.
enum RowRules {
    static let rules: [(holds: String, reason: String)] = [
        ("length(id) = 16", "its ID is none"),
        (
            """
            status BETWEEN 0 AND 4 AND priority BETWEEN 0 AND 2 AND lane BETWEEN 0 AND 2 AND attempt >= 0 AND parts > 0
            AND input_bytes >= 0
            """, "a number in its row is none that a job can have"
        ),
        ("parts_done BETWEEN 0 AND parts", "more of it is done than there is"),
        (
            "status <> 1 OR (token IS NOT NULL AND lease_end IS NOT NULL AND attempt > 0)",
            "it runs, and nobody has claimed it"
        ),
        ("(overdue IS NOT NULL) = (deadline_at IS NOT NULL)", "one of the times of its deadline is missing"),
        (
            "(ended IS NOT NULL) = (status >= 2) AND (finished_at IS NOT NULL) = (status >= 2)",
            "the time of its end does not go with its status"
        ),
        (
            "(output_bytes IS NOT NULL) = (status = 2) AND (failure_reason IS NOT NULL) = (status = 3)",
            "what came of it does not go with its status"
        ),
        ("(callback IS NULL) = (receiver IS NULL)", "its callback and who gets it do not go together"),
    ]

    /// The number of the first rule that a row breaks, from 1, NULL where it breaks none: an expression over columns of `jobs`.
    static let broken =
        "CASE " + rules.enumerated().map { "WHEN NOT (\($1.holds)) THEN \($0 + 1)" }.joined(separator: " ") + " END"

    /// What a row breaks that breaks a rule.
    static func reason(_ number: Int64) -> String {
        let place = Int(number) - 1
        return rules.indices.contains(place) ? rules[place].reason : "its row breaks a rule"
    }
}
