/// A job's place in the queue: all of a higher priority go first, and within one the oldest.
public enum Priority: Int, Sendable, Hashable, CaseIterable, Comparable {
    /// After everything else.
    case low
    /// What a job has that says nothing.
    case normal
    /// Before everything else.
    case high

    /// The priority that a user calls `low`, `normal` or `high`.
    public init?(name: String) {
        guard let priority = Priority.allCases.first(where: { $0.name == name }) else { return nil }
        self = priority
    }

    /// What users call it.
    public var name: String {
        switch self {
        case .low: "low"
        case .normal: "normal"
        case .high: "high"
        }
    }

    /// Whether the left one goes after the right one.
    public static func < (left: Priority, right: Priority) -> Bool { left.rawValue < right.rawValue }
}
