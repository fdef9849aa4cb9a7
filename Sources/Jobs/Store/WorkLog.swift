/// Where workers note what they are at, so that the next process knows which jobs may have ended this one.
///
/// It is written at each step of a job, so it must cost next to nothing, and it may only be wrong in one way: to know
/// nothing.
public protocol WorkLog: Sendable {
    /// The worker is at this job, and at no other.
    func begin(_ job: JobID, worker: Int)

    /// The worker has nothing to do.
    func end(worker: Int)
}
