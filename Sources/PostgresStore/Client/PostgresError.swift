import Jobs

/// Why PostgreSQL did not do what it was asked to. No description has a password, or a statement's values.
enum PostgresError: Error, Sendable, Equatable {
    /// Nothing will help as long as the operator changes nothing.
    case unusable(String)
    /// There is no connection, or it broke; where something was sent, nobody knows whether it was done.
    case unreachable(String, wasSent: Bool)
    /// It was committed, but the standby that has to have it too may not.
    case unconfirmed
    /// It said no: the condition's five letters, and its words.
    case refused(state: String, String)
    /// What came back is not what was asked for.
    case unreadable(String)
    /// What a job or a submission is told.
    case store(JobStoreError)

    /// Of two equal names one was there before.
    static let uniqueViolation = "23505"
    /// There is such a table.
    static let duplicateTable = "42P07"
    /// No partition takes a row.
    static let checkViolation = "23514"
    static let insufficientPrivilege = "42501"
    static let divisionByZero = "22012"
    static let numberOutOfRange = "22003"
    /// A session has no statement of a name, has another, or one whose answers have changed.
    static let keptStatement = ["26000", "42P05", "0A000"]

    /// The condition's five letters, where PostgreSQL said no.
    var state: String? {
        guard case .refused(let state, _) = self else { return nil }
        return state
    }

    /// Whether two transactions were in each other's way, so that another try may go well.
    var isCollision: Bool { state.map { ["40001", "40P01"].contains($0) } ?? false }

    /// Whether the connection is of no use any more: the server ends, begins, or takes no writes.
    var endsConnection: Bool {
        switch self {
        case .unreachable, .unreadable: true
        case .refused(let state, _):
            state.begins(with: "57P") || state.begins(with: "08") || state == "25006" || state == "53300"
        case .unusable, .unconfirmed, .store: false
        }
    }

    /// Whether it is certain that nothing was done.
    var isUnsent: Bool {
        switch self {
        case .unreachable(_, let wasSent): !wasSent
        case .unconfirmed: false
        case .unusable, .refused, .unreadable, .store: true
        }
    }

    /// What was wrong, in words that end no sentence.
    var reason: String {
        switch self {
        case .unusable(let reason), .unreachable(let reason, _), .unreadable(let reason): reason
        case .unconfirmed: "somebody ended the wait for the standby, which may not have what was committed"
        case .refused(Standbys.unmet, _): "its commits wait for no standby, and --require-synchronous is set"
        case .refused(let state, let words): "PostgreSQL refused: \(words) (\(state))"
        case .store(let error): error.description
        }
    }

    /// What the store's callers get.
    var told: JobStoreError {
        switch self {
        case .store(let error): error
        case .refused("53100", _): .diskFull("PostgreSQL's disk is full")
        default: .unavailable(reason)
        }
    }
}
