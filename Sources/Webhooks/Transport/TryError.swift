/// Why a try came to nothing.
enum TryError: Error, Equatable {
    /// The time was over before a step was.
    case timedOut(Step)
    /// Something went wrong, in plain words.
    case broken(String)

    /// What a try does, one step after another.
    enum Step: String {
        case resolving = "resolve the name"
        case connecting = "connect"
        case securing = "agree on TLS"
        case sending = "send the notice"
        case receiving = "receive an answer"
    }

    func words(within timeout: Duration) -> String {
        switch self {
        case .timedOut(let step): "\(timeout) were not enough: the time was over while trying to \(step.rawValue)"
        case .broken(let reason): reason
        }
    }
}
