/// The parts of planned jobs: all known at once, or more and more of them while a job is worked on.
public protocol JobParts: Sendable {
    /// What was prepared for a job; its parts share it.
    associatedtype Plan: Sendable

    /// Into how many parts the job is cut; they are independent of each other.
    func partCount(_ plan: Plan) -> Int

    /// Whether further parts come to be known while the job is worked on: by ``prepare(_:)``.
    func isGrowing(_ plan: Plan) -> Bool

    /// Does some of the work by which further parts come to be known, for about as long as a part takes. One thread at a time does so,
    /// while others may work on the parts that are there.
    func prepare(_ plan: Plan) throws(JobFailure) -> PartsKnown

    /// How far a growing job is, in its own parts as they were claimed, and what there is to say of it.
    ///
    /// - Parameters:
    ///   - plan: how the job is cut into parts
    ///   - partsDone: how many of its parts are done
    func standing(_ plan: Plan, partsDone: Int) -> JobStanding?

    /// Ends at once what goes on for a job that was stopped, on whatever thread. Called outside of all locks.
    func stop(_ plan: Plan)

    /// Whether one worker alone does most of what is to be done of jobs of a kind.
    func isSerial(kind: String) -> Bool

    /// The seconds that one worker takes for a job of such a kind, by what was learned of others, those that run among them; nil
    /// as long as they can't be told. Called under a lock, so it must not block.
    func expectedSeconds(of job: Job) -> Double?
}

/// What is done with a job: planned once, worked on part by part on as many threads as are free, and put together.
///
/// All of it runs on the workers' own threads, where blocking is fine. Whatever throws fails that job alone.
public protocol JobProcessor: JobParts {
    /// Memory that is used again from part to part. Each worker makes one on its own thread and keeps it there.
    associatedtype Scratch
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

    /// Works on one part, 0 ..< partCount. Several threads do so at a time, in any order.
    func process(part: Int, of plan: Plan, scratch: inout Scratch) throws(JobFailure) -> PartResult

    /// Puts the parts together.
    ///
    /// - Parameters:
    ///   - plan: how the job is cut into parts
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

/// What is known of a growing job's parts.
public struct PartsKnown: Sendable, Equatable {
    /// How many there are by now, never fewer than before.
    public let count: Int
    /// Whether there will be no more.
    public let isAll: Bool

    /// So many parts.
    public init(count: Int, isAll: Bool) {
        self.count = count
        self.isAll = isAll
    }
}

/// How far a running job is, as whoever works on it says: as lasting as the claim.
public struct JobStanding: Sendable, Equatable {
    /// How much is done, in the parts that the job was handed in with.
    public var partsDone: Int
    /// The seconds until its end, as far as they can be told.
    public var secondsLeft: Double?
    /// What else there is to say, in the coding of its kind.
    public var note: [UInt8]
    /// The parts that it has by what is known now, however many it was handed in with; nil where that is no news.
    public var parts: Int?

    /// A job of which so much is done.
    public init(partsDone: Int, secondsLeft: Double? = nil, note: [UInt8] = [], parts: Int? = nil) {
        self.partsDone = partsDone
        self.secondsLeft = secondsLeft
        self.note = note
        self.parts = parts
    }
}

/// For jobs whose parts are known once they are planned.
extension JobParts {
    /// None does.
    public func isGrowing(_ plan: Plan) -> Bool { false }
    /// All are known.
    public func prepare(_ plan: Plan) throws(JobFailure) -> PartsKnown {
        PartsKnown(count: partCount(plan), isAll: true)
    }
    /// What is done says it.
    public func standing(_ plan: Plan, partsDone: Int) -> JobStanding? { nil }
    /// Nothing goes on.
    public func stop(_ plan: Plan) {}
    /// None is.
    public func isSerial(kind: String) -> Bool { false }
    /// Nothing is learned.
    public func expectedSeconds(of job: Job) -> Double? { nil }
}
