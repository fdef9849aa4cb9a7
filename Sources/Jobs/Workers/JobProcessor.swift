/// What is done with a job: planned once, worked on part by part on as many threads as are free, and put together.
///
/// All of it runs on the workers' own threads, where blocking is fine. Whatever throws fails that job alone.
public protocol JobProcessor: Sendable {
    /// Memory that is used again from part to part. Each worker makes one on its own thread and keeps it there.
    associatedtype Scratch
    /// What was prepared for a job; its parts share it.
    associatedtype Plan: Sendable
    /// What one part came to.
    associatedtype PartResult: Sendable

    /// Where an idle worker can help one who works on a part; ``NoPlace`` where none can.
    associatedtype Place: Sendable = NoPlace

    /// Makes a worker's scratch memory, on its thread.
    func makeScratch() -> Scratch

    /// Where whoever has this scratch memory can be helped; nil for nowhere.
    func place(of scratch: Scratch) -> Place?

    /// Helps with the part that is worked on there, and returns once that is over, or soon after `isFree` says no; at once where
    /// somebody helps already. Called on another worker's thread. What comes of the part must be the same with help and without.
    func help(at place: Place, while isFree: () -> Bool)

    /// Reads the job's subject and prepares what its parts need.
    ///
    /// - Returns: nil for a job that can't be done here now: it goes back to the queue and has lost nothing.
    func plan(_ job: ClaimedJob) throws(JobFailure) -> Plan?

    /// Into how many parts the job is cut; they are independent of each other.
    func partCount(_ plan: Plan) -> Int

    /// Works on one part, 0 ..< partCount. Several threads do so at a time, in any order.
    func process(part: Int, of plan: Plan, scratch: inout Scratch) throws(JobFailure) -> PartResult

    /// Puts the parts together.
    ///
    /// - Parameters:
    ///   - results: one a part, in the order of the parts
    ///   - timings: how long the job waited, and how long it has been worked on so far
    func finish(_ plan: Plan, results: [PartResult], timings: JobTimings) throws(JobFailure) -> JobOutput
}

/// Where nobody can be helped.
public struct NoPlace: Sendable {}

extension JobProcessor where Place == NoPlace {
    /// Nowhere.
    public func place(of scratch: Scratch) -> NoPlace? { nil }
    /// Does nothing.
    public func help(at place: NoPlace, while isFree: () -> Bool) {}
}
