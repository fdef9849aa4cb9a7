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

    /// Where whoever works on a part can be helped by a worker who has nothing to do; ``NoPlace`` where none can.
    associatedtype Place: HelpPlace = NoPlace

    /// Makes a worker's scratch memory, on its thread.
    func makeScratch() -> Scratch

    /// Where the worker with this scratch memory can be helped; nil for nowhere.
    func place(of scratch: Scratch) -> Place?

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

/// Where one worker can take a share of what another does with its part. What comes of the part must be the same with help and
/// without.
public protocol HelpPlace: Sendable {
    /// A part is begun with: from now on one other can help.
    func open()

    /// The part is over, and so is all help.
    func close()

    /// Helps on the calling thread until there is nothing more to help with, or soon after `isFree` says no. It returns at once
    /// where no part is worked on or somebody helps already, and soon where there is nothing to share.
    ///
    /// - Returns: why it ended
    func help(while isFree: () -> Bool) -> HelpEnd
}

/// Why help has ended.
public enum HelpEnd: Sendable {
    /// The part is over, there is no help with it, or somebody else helps.
    case over
    /// There was nothing to share for a while; there may be more later.
    case idle
    /// Whoever helped was wanted elsewhere; there may be more to help with.
    case calledAway
}

/// Where nobody can be helped: there is none.
public enum NoPlace: HelpPlace {
    /// Never called.
    public func open() {}
    /// Never called.
    public func close() {}
    /// Never called.
    public func help(while isFree: () -> Bool) -> HelpEnd { .over }
}

extension JobProcessor where Place == NoPlace {
    /// Nowhere.
    public func place(of scratch: Scratch) -> NoPlace? { nil }
}
