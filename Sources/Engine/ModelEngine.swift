public import Jobs
import Tensors
public import VadCLIP

/// What is done with a job by the model that it is for, as `JobProcessor` says; who the model is and where scratch memory
/// comes from is the engine's business.
public protocol ModelWork: JobParts where Plan: ModelPlan {
    /// What one part came to.
    associatedtype PartResult: Sendable

    /// Reads the job's options and prepares what its parts need; the plan holds `version`.
    func plan(_ job: ClaimedJob, for version: ModelVersion) throws(JobFailure) -> Plan

    /// Works on one part with a scorer of the plan's model that nobody else uses meanwhile.
    func process(part: Int, of plan: Plan, scorer: ChunkScorer) throws(JobFailure) -> PartResult

    /// Puts the parts together.
    func finish(_ plan: Plan, results: [PartResult], timings: JobTimings) throws(JobFailure) -> JobOutput
}

/// A plan keeps the model's version for as long as its job runs.
public protocol ModelPlan: Sendable {
    /// The version that the job was accepted for.
    var version: ModelVersion { get }
}

/// Has each job done by its own model: looks the version up once a job, and keeps scratch memory a worker and a shape of models.
public struct ModelEngine<Work: ModelWork>: JobProcessor {
    private let models: ModelRegistry
    private let work: Work
    private let rescores: Bool
    private let areSeveral: Bool

    /// An engine for the jobs of what is in `models`.
    ///
    /// - Parameters:
    ///   - models: the versions that are served
    ///   - work: what makes jobs into parts and results
    ///   - rescores: whether a job whose model is not there is done by another
    ///   - areSeveral: whether there is more than one worker, so that one can help another
    public init(_ models: ModelRegistry, for work: Work, rescores: Bool = false, areSeveral: Bool = true) {
        self.rescores = rescores
        self.areSeveral = areSeveral
        self.models = models
        self.work = work
    }

    /// A worker's seat; the memory itself is the versions', so that it goes with them though the worker may sleep.
    public func makeScratch() -> WorkerSeat { WorkerSeat(canBeHelped: areSeveral) }

    /// Plans the job for its own model. Where that was retired since the job was claimed, the job is not done here: it is to
    /// wait for its model like any other, and is never scored by another unless that is asked for.
    public func plan(_ job: ClaimedJob) throws(JobFailure) -> Work.Plan? {
        let other = rescores ? models.current(job.model.name) ?? models.default : nil
        guard let version = models.version(of: job.model) ?? other else { return nil }
        return try work.plan(job, for: version)
    }

    /// Where another worker can take a share of the products.
    public func place(of scratch: WorkerSeat) -> SharedScoring? { scratch.second.map(SharedScoring.init) }

    /// As the work says.
    public func partCount(_ plan: Work.Plan) -> Int { work.partCount(plan) }

    /// As the work says.
    public func isGrowing(_ plan: Work.Plan) -> Bool { work.isGrowing(plan) }

    /// As the work does.
    public func prepare(_ plan: Work.Plan) throws(JobFailure) -> PartsKnown { try work.prepare(plan) }

    /// As the work says.
    public func standing(_ plan: Work.Plan, partsDone: Int) -> JobStanding? {
        work.standing(plan, partsDone: partsDone)
    }

    /// As the work does.
    public func stop(_ plan: Work.Plan) { work.stop(plan) }

    /// As the work says.
    public func isSerial(kind: String) -> Bool { work.isSerial(kind: kind) }

    /// As the work says.
    public func expectedSeconds(of job: Job) -> Double? { work.expectedSeconds(of: job) }

    /// Works on one part with the worker's scorer for the plan's model.
    public func process(
        part: Int, of plan: Work.Plan, scratch: inout WorkerSeat
    ) throws(JobFailure) -> Work.PartResult {
        try work.process(part: part, of: plan, scorer: plan.version.scorer(at: scratch))
    }

    /// As the work says.
    public func finish(
        _ plan: Work.Plan, results: [Work.PartResult], timings: JobTimings
    ) throws(JobFailure) -> JobOutput {
        try work.finish(plan, results: results, timings: timings)
    }
}

/// A worker's chunk, of which another can take a share.
public struct SharedScoring: HelpPlace {
    let second: LentThread

    /// A chunk is begun with.
    public func open() { second.open() }

    /// It is scored.
    public func close() { second.close() }

    /// Takes part in its products.
    public func help(while isFree: () -> Bool) -> HelpEnd {
        switch second.lend(while: isFree) {
        case .refused, .done: .over
        case .idle: .idle
        case .calledAway: .calledAway
        }
    }
}
