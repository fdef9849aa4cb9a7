/// Why one who follows a job is woken.
public enum Wake: Sendable, Equatable {
    /// Something may have happened to the job: it is time to look again.
    case changed
    /// The job has ended, like this; there will be no other wake.
    case ended(Job)
    /// Nothing happened until the time was up.
    case timeUp
    /// The process is leaving and tells nobody anything any more.
    case closed
    /// The task was cancelled.
    case cancelled

    /// Which of two wakes is left when nobody has heard the first one yet: the one after which there is less to come.
    func merged(with later: Wake) -> Wake {
        later.weight >= weight ? later : self
    }

    private var weight: Int {
        switch self {
        case .timeUp, .cancelled: 0
        case .changed: 1
        case .closed: 2
        case .ended: 3
        }
    }
}

/// What a watch is woken for.
enum WatchInterest: Sendable {
    /// Each change of the job.
    case changes
    /// Its end.
    case end
}
