import Platform

/// The processors that the process may use.
enum Processors {
    /// How many threads they are for.
    static var count: Int { ProcessLimits.atStart.threads }
}
