import Audit
import Engine
public import HTTP
import Jobs
import Platform
import Scoring
import Synchronization
import Telemetry
import Tracing

/// `/metrics`: all families of the table, those that are counted as they happen and those that are looked up now.
///
/// Nothing is looked through for it: what there is of jobs the store has counted, so it costs the same with a hundred
/// thousand of them.
public final class MetricsPage: Sendable {
    /// What is looked up once a scrape.
    struct Reading: Sendable {
        var backlog = JobMetrics()
        var limits = Backlog.Limits()
        var isAccepting = true
        var isReady = true
        var census: QueueCensus?
        var room: StoreRoom?
        var standing: SharedStanding?
        var callbacks = 0
        var alerts = 0
        var health: PoolHealth?
        var statistics = ServerStatistics()
        var models: [Model] = []
        var process = ProcessReading()
        var audit = AuditLog.Statistics()
        var auditRefusals = 0
        var spans = SpanCounts()
        /// Whether keys are told by their names.
        var namesKeys = true
    }

    /// A model that is served.
    struct Model: Sendable {
        let name: String
        let sha256: String
        let isTrained: Bool
        let kernels: String
    }

    /// Counts requests, for whoever is told of them.
    public let requests: RequestTelemetry
    private let scoring: ScoringService
    private let isReady: @Sendable () -> Bool
    private let registry: Registry<Reading>
    private let audit: AuditTrail?
    private let tracer: Tracer?
    private let statistics = Mutex<(@Sendable () -> ServerStatistics)?>(nil)

    /// - Parameter isReady: whether jobs can be taken, by what is known of it
    init(
        _ scoring: ScoringService, jobs: JobTelemetry, requests: RequestTelemetry, audit: AuditTrail?,
        tracer: Tracer?, isReady: @escaping @Sendable () -> Bool
    ) {
        self.scoring = scoring
        self.audit = audit
        self.tracer = tracer
        self.isReady = isReady
        self.requests = requests
        registry = Self.registry(jobs, requests)
    }

    /// From now on what a server counts of its connections is told too.
    public func follow(_ server: HTTPServer) {
        statistics.withLock { $0 = { [weak server] in server?.statistics ?? ServerStatistics() } }
    }

    /// The families that are told, in their order.
    var families: [Family] { registry.families }

    /// All of it as text.
    ///
    /// - Parameter namesKeys: whether keys are told by their names; what they have in common is told anyway
    func text(as format: TextFormat, namesKeys: Bool = true) async -> [UInt8] {
        var reading = Reading()
        reading.namesKeys = namesKeys
        let backlog = scoring.backlog
        reading.census = (try? await backlog.census()) ?? nil
        for version in scoring.models.all {
            reading.models.append(
                Model(
                    name: version.name, sha256: await version.sha256, isTrained: version.model.info.trained,
                    kernels: version.model.kernels.name))
        }
        reading.backlog = backlog.metrics
        reading.limits = backlog.limits
        reading.isAccepting = backlog.admission() != .draining
        reading.isReady = isReady()
        reading.room = backlog.storeRoom
        reading.standing = await backlog.standing()
        reading.callbacks = backlog.waitingCallbacks ?? 0
        reading.alerts = backlog.waitingAlerts ?? 0
        reading.health = scoring.health
        if let audit { (reading.audit, reading.auditRefusals) = (audit.log.statistics, audit.refusals) }
        if let tracer { reading.spans = tracer.counts }
        if let statistics = statistics.withLock(\.self) { reading.statistics = statistics() }
        return registry.text(reading, as: format, reserving: 256 << 10)
    }

    private static func registry(_ jobs: JobTelemetry, _ requests: RequestTelemetry) -> Registry<Reading> {
        var registry = Registry<Reading>()
        registry.addRequests(requests)
        registry.addJobs(jobs)
        registry.addQueue()
        registry.addWorkers(jobs)
        registry.addStore(jobs)
        registry.addDatabase()
        registry.addCallbacks(jobs)
        registry.addRecords()
        registry.addService()
        registry.addProcess()
        return registry
    }
}

extension Registry where Reading == MetricsPage.Reading {
    fileprivate mutating func addRequests(_ requests: RequestTelemetry) {
        add(requests.requests)
        add(requests.durations)
        add(requests.requestBytes)
        add(requests.responseBytes)
        add(requests.problems)
        let connections = Family.Shortage.allCases.firstIndex(of: .connections) ?? 0
        add(.refused) { reading, text in
            requests.refused.write(to: &text, adding: (connections, reading.statistics.droppedConnections))
        }
        add(.connections) { $0.statistics.openConnections }
        add(.connectionsAccepted) { $0.statistics.acceptedConnections }
        add(.handshakes) { reading, text in
            let found = reading.statistics
            for outcome in Family.HandshakeOutcome.allCases {
                let count =
                    switch outcome {
                    case .done: found.handshakes
                    case .failed: found.failedHandshakes
                    case .closed: found.closedHandshakes
                    case .plain: found.plainRequests
                    }
                text.sample(.handshakes, [outcome.rawValue], count)
            }
        }
    }

    fileprivate mutating func addJobs(_ jobs: JobTelemetry) {
        add(jobs.submitted)
        add(jobs.ended)
        add(.jobsNow) { reading, text in
            for status in JobStatus.allCases {
                text.sample(.jobsNow, [status.rawValue], reading.census?.jobs[status] ?? 0)
            }
        }
        for phase in [jobs.wait, jobs.score, jobs.write] { add(phase) }
        for counted in [jobs.chunks, jobs.snippets, jobs.lapsed, jobs.expired] { add(counted) }
        for counted in [jobs.canaryJobs, jobs.canarySnippets, jobs.canaryChanged] { add(counted) }
    }

    fileprivate mutating func addQueue() {
        func add(_ family: Family, _ value: @escaping @Sendable (QueueCensus.Line) -> Int) {
            self.add(family) { reading, text in
                for line in reading.queue { text.sample(family, [line.priority.name, line.model], value(line)) }
            }
        }
        add(.queueJobs) { $0.jobs }
        add(.queueBytes) { $0.bytes }
        add(.queueOldest) { Int($0.oldestWait.wholeNanoseconds) }
        self.add(.queueLimitJobs) { $0.limits.maxJobs }
        self.add(.queueLimitBytes) { $0.limits.maxBytes }
        self.add(.queueReserved) { $0.backlog.reservedBytes }
        self.add(.queueUnserved) { $0.backlog.waitingJobs }
    }

    fileprivate mutating func addWorkers(_ jobs: JobTelemetry) {
        add(.workersNow) { $0.health?.alive ?? 0 }
        add(.workersBusy) { $0.health?.busy ?? 0 }
        add(jobs.workerTime)
        add(.keyTime) { reading, text in
            jobs.keyTime.write(to: &text, only: reading.namesKeys ? nil : JobTelemetry.anonymous)
        }
    }

    fileprivate mutating func addStore(_ jobs: JobTelemetry) {
        add(jobs.commits)
        add(jobs.steps)
        add(.storeDatabase) { $0.room?.databaseBytes ?? 0 }
        add(.storeLog) { $0.room?.logBytes ?? 0 }
        // Memory has no disk that could be full: a zero would look like one.
        add(.storeFree) { reading, text in
            if let room = reading.room {
                text.sample(.storeFree, [], room.freeBytes)
            } else {
                text.sample(.storeFree, of: .nan)
            }
        }
    }

    fileprivate mutating func addCallbacks(_ jobs: JobTelemetry) {
        add(jobs.callbacks)
        add(.callbacksWaiting) { $0.callbacks }
        add(jobs.alerts)
        add(.alertsWaiting) { $0.alerts }
        add(.alertPlaces) { _, text in
            let away = jobs.placesAway
            for place in Family.AlertPlace.allCases {
                let isAway = away.contains { $0.hasBytes(of: place.rawValue) }
                text.sample(.alertPlaces, [place.rawValue], isAway ? 1 : 0)
            }
        }
    }

    fileprivate mutating func addRecords() {
        add(.auditRecords) { reading, text in
            for outcome in Family.AuditOutcome.allCases {
                let count =
                    switch outcome {
                    case .written: reading.audit.lines
                    case .refused: reading.auditRefusals
                    case .missing: reading.audit.missing
                    }
                text.sample(.auditRecords, [outcome.rawValue], count)
            }
        }
        add(.auditFailures) { $0.audit.failures }
        add(.spans) { reading, text in
            for outcome in Family.SpanOutcome.allCases {
                let count =
                    switch outcome {
                    case .exported: reading.spans.exported
                    case .failed: reading.spans.failed
                    case .dropped: reading.spans.dropped
                    }
                text.sample(.spans, [outcome.rawValue], count)
            }
        }
    }

    fileprivate mutating func addService() {
        add(.buildInfo) { reading, text in
            text.sample(.buildInfo, [Vigil.version, reading.models.first?.kernels ?? ""], 1)
        }
        add(.modelInfo) { reading, text in
            for model in reading.models {
                text.sample(.modelInfo, [model.name, model.sha256, "\(model.isTrained)"], 1)
            }
        }
        add(.selfTest) { reading, text in
            for name in reading.modelNames { text.sample(.selfTest, [name], 1) }
        }
        add(.accepting) { $0.isAccepting ? 1 : 0 }
        add(.ready) { $0.isReady ? 1 : 0 }
    }

    fileprivate mutating func addProcess() {
        add(.processTime) { $0.process.processorTime }
        add(.processResident) { $0.process.residentBytes }
        add(.processVirtual) { $0.process.virtualBytes }
        add(.processDescriptors) { $0.process.openDescriptors }
        add(.processMostDescriptors) { $0.process.mostDescriptors }
        add(.processStart) { $0.process.began }
    }
}

extension MetricsPage.Reading {
    /// The names of the models that are served, each once.
    fileprivate var modelNames: [String] {
        var names: [String] = []
        for model in models where !names.contains(where: { $0.hasBytes(of: model.name) }) { names.append(model.name) }
        return names
    }

    /// What is queued, with a line of zeros for what could be.
    fileprivate var queue: [QueueCensus.Line] {
        let lines = census?.lines ?? []
        let absent = modelNames.flatMap { name in
            Priority.allCases.filter { priority in
                !lines.contains { $0.priority == priority && $0.model.hasBytes(of: name) }
            }.map { QueueCensus.Line(priority: $0, model: name) }
        }
        return lines + absent
    }
}
