import Platform

/// Jobs whose model is not served: they wait beside the queue, so that a claim never has to pass over them.
extension JobTable {
    /// How many jobs a claim could have, one after another.
    package var claimable: Int { ready.count }

    /// How many of them ran when a process ended, and are to be tried.
    package var suspects: Int { ready.suspects }

    /// From now on jobs of these models alone can be claimed. It costs a look at each queued job.
    package mutating func serve(_ served: Served) -> ServedChange {
        var change = ServedChange()
        let before = self.served.models
        self.served = served
        if served.models != before {
            for id in idsByStatus[.queued]?.elements ?? [] { move(id, servedBefore: before, &change) }
            // They may come back into the queue.
            for id in idsByStatus[.running]?.elements ?? [] { if let record = records[id] { _ = adopted(record) } }
        }
        change.missing = waitingJobs
        return change
    }

    private mutating func move(_ id: JobID, servedBefore before: ServedModels, _ change: inout ServedChange) {
        guard var record = records[id] else { return }
        let wasServed = before.serves(record.job)
        if wasServed { ready.remove(record) } else { unwait(record) }
        record = adopted(record)
        let isServed = served.models.serves(record.job)
        line(up: record)
        let load = (bytes: record.job.inputBytes, parts: record.job.parts)
        if isServed, !wasServed {
            change.arrived[ByteText(record.job.client), default: .init()].add(bytes: load.bytes, parts: load.parts)
        } else if wasServed, !isServed {
            change.left[ByteText(record.job.client), default: .init()].add(bytes: load.bytes, parts: load.parts)
        }
    }

    /// The record with the digest of its model, where that has come to be known.
    private mutating func adopted(_ record: JobRecord) -> JobRecord {
        var record = record
        guard adopt(&record.job) else { return record }
        record.job.revision += 1
        store(record)
        return record
    }

    /// Gives a job of unknown digest that of the served model of its name; says whether there is one.
    func adopt(_ job: inout Job) -> Bool {
        guard let digest = served.models.digest(for: job.modelID) else { return false }
        job.modelSHA256 = digest
        return true
    }

    /// Whether a job is queued, and its model is not served or nobody can do its kind.
    func isMissingModel(_ job: Job) -> Bool { job.status == .queued && !served.models.serves(job) }

    /// The jobs that wait for a model, by model.
    package var waitingJobs: [WaitingJobs] {
        waiting.flatMap { model, jobs -> [WaitingJobs] in
            guard served.models.serves(model) else { return [WaitingJobs(model: model, jobs: jobs.count)] }
            let kinds = Dictionary(grouping: jobs) { ByteText(records[$0]?.job.kind ?? "") }
            return kinds.map { WaitingJobs(model: model, jobs: $0.value.count, kind: $0.key.text) }
        }
        .sorted {
            ($0.model.name, $0.model.sha256 ?? "", $0.kind ?? "") < (
                $1.model.name, $1.model.sha256 ?? "", $1.kind ?? ""
            )
        }
    }

    /// The jobs that have not ended, by model.
    package var openModels: [ModelID: OpenJobs] { open.counts }

    /// Puts a queued job where it is claimed from, or where it waits.
    mutating func line(up record: JobRecord) {
        let model = record.job.modelID
        if served.models.serves(record.job) {
            ready.insert(record)
        } else {
            waiting[model, default: []].insert(record.job.id)
            waitingParts += record.job.parts
        }
    }

    /// Takes a job out from among those that wait.
    mutating func unwait(_ record: JobRecord) {
        let model = record.job.modelID
        guard waiting[model]?.remove(record.job.id) != nil else { return }
        waitingParts -= record.job.parts
        if waiting[model]?.isEmpty == true { waiting[model] = nil }
    }

    /// Whether jobs are to fail because their model is not served.
    var hasUnwanted: Bool { served.missing == .fail && !unwanted.isEmpty }

    private var unwanted: [JobID] { waiting.filter { !served.models.serves($0.key) }.values.flatMap(Array.init) }

    /// Ends the jobs whose model is not served, where that is asked for.
    mutating func endUnwanted(wall: WallTime, now: MonotonicTime) -> [JobRecord] {
        guard hasUnwanted else { return [] }
        var ended: [JobRecord] = []
        for id in unwanted.sorted() {
            guard var record = records[id] else { continue }
            let failure = JobFailure.otherModel(than: record.job.modelID, served: served.models)
            unqueue(&record)
            ended.append(end(record, with: .failed(failure), timings: nil, wall: wall, now: now))
        }
        return ended
    }
}

extension JobTable {
    /// Which models are served, and what becomes of the jobs of others.
    package struct Served: Sendable, Equatable {
        /// The models.
        package var models = ServedModels.every
        /// What becomes of the jobs of others.
        package var missing = MissingModel.wait

        /// Every model, until somebody says which.
        package init() {}

        /// These models.
        package init(_ models: ServedModels, missing: MissingModel) {
            self.models = models
            self.missing = missing
        }
    }
}
