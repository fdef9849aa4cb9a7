public import Jobs
public import Scoring
import Synchronization
import Telemetry

/// Counts what happens to jobs, chunks, commits and callbacks, wherever that is.
public final class JobTelemetry: JobObserver {
    /// Keys that have a series of their own.
    static let mostKeys = 64
    /// Whose jobs come without a key.
    static let anonymous = "anonymous"
    /// Names in metrics that are no key's.
    static let ownNames = [anonymous, NamedCounters.other]

    let submitted = Counters(.jobsSubmitted, values: Priority.allCases.map(\.name))
    let ended = Counters(.jobsEnded, values: JobTelemetry.endings.map(\.rawValue))
    let wait = Histograms(.jobWait)
    let score = Histograms(.jobScore)
    let write = Histograms(.jobWrite)
    let chunks = Counters(.chunksScored)
    let snippets = Counters(.snippetsScored)
    let canaryJobs = Counters(.canaryJobs, values: ["compared", "passed-over", "failed"])
    let canarySnippets = Counters(.canarySnippets)
    let canaryChanged = Counters(.canaryChanged, values: Canary.steps.map { "\($0)" })
    let lapsed = Counters(.leasesLapsed)
    let expired = Counters(.jobsExpired)
    let workerTime = Counters(.workerTime)
    let keyTime: NamedCounters
    let commits = Histograms(.storeCommit)
    let steps = Counters(.storeSteps)
    let callbacks = Counters(.callbackTries, values: Family.CallbackOutcome.allCases.map(\.rawValue))

    let alerts = Counters(
        .alertTries,
        Family.AlertPlace.allCases.flatMap { place in
            Family.AlertOutcome.allCases.map { Counters.Series([place.rawValue, $0.rawValue]) }
        })
    private let away = Mutex<(@Sendable () -> [String])?>(nil)

    private static let endings = JobStatus.allCases.filter(\.isEnded)

    /// Counts from zero.
    ///
    /// - Parameter keys: the names of the keys that are known already
    public init(keys: [String] = []) {
        keyTime = NamedCounters(.keyTime, limit: Self.mostKeys, known: [Self.anonymous] + keys.map(Self.series))
    }

    /// Counts accepted jobs.
    public func submitted(_ jobs: [Job]) {
        for job in jobs { submitted.add(to: job.priority.rawValue) }
    }

    /// Counts a worker's time.
    public func worked(_ step: WorkStep) {
        workerTime.add(step.time)
        keyTime.add(step.processorTime, to: Self.key(of: step.client))
        if step.isPart { chunks.add() }
    }

    /// Counts rows of a chunk that was scored.
    public func scored(snippets count: Int) { snippets.add(count) }

    /// Counts what a canary told.
    public func compared(_ outcome: Canary.Outcome) {
        switch outcome {
        case .compared(let report):
            canaryJobs.add(to: 0)
            canarySnippets.add(report.snippets)
            for (place, count) in report.changed.enumerated() { canaryChanged.add(count, to: place) }
        case .passedOver: canaryJobs.add(to: 1)
        case .failed: canaryJobs.add(to: 2)
        }
    }

    /// Counts an end, and what the job's phases took.
    public func ended(_ job: Job, writing: Duration?) {
        if let place = Self.endings.firstIndex(of: job.status) { ended.add(to: place) }
        if let writing {
            if let timings = job.timings {
                wait.observe(timings.queued)
                score.observe(timings.scored)
            }
            write.observe(writing)
        }
    }

    /// Counts a claim that ran out.
    public func lapsed(_ job: Job) { lapsed.add() }

    /// Counts what was removed.
    public func expired(_ jobs: Int) { expired.add(jobs) }

    /// Counts a transaction of the store.
    public func committed(_ time: Duration, steps count: Int) {
        commits.observe(time)
        steps.add(count)
    }

    /// Counts a try to deliver a callback.
    func called(_ outcome: Family.CallbackOutcome) {
        if let place = Family.CallbackOutcome.allCases.firstIndex(of: outcome) { callbacks.add(to: place) }
    }

    /// Counts an alert.
    func alerted(place: String, _ outcome: Family.AlertOutcome) {
        let outcomes = Family.AlertOutcome.allCases
        guard let row = Family.AlertPlace.allCases.firstIndex(where: { $0.rawValue.hasBytes(of: place) }),
            let column = outcomes.firstIndex(of: outcome)
        else { return }
        alerts.add(to: row * outcomes.count + column)
    }

    /// From now on it is told which places are away.
    func follow(_ away: @escaping @Sendable () -> [String]) { self.away.withLock { $0 = away } }

    /// The places of alerts that are away.
    var placesAway: [String] { away.withLock(\.self)?() ?? [] }

    /// The name of the key that a client is known by (`ClientIdentity.description`).
    private static func key(of client: String) -> String {
        client.begins(with: "key ") ? series(of: String(client.dropFirst(4))) : anonymous
    }

    /// What metrics call a key: its name, but where that is metrics' own. No key's name has a colon.
    static func series(of name: String) -> String { ownNames.contains(name) ? "key:" + name : name }
}
