import Engine
import Jobs
import Platform

/// How a model stands that is known here.
package struct ModelStanding: Sendable {
    package enum State: String, Sendable, CaseIterable {
        /// New jobs of its name get it.
        case ready
        /// New jobs get another version; this one is to be had by its digest, and can come back at once.
        case kept
        /// It does the jobs that were accepted for it, and goes with the last.
        case retiring
        /// Its file can't be used.
        case failed
        /// It was unloaded.
        case unloaded
    }

    package let name: String
    package let state: State
    package let isDefault: Bool
    /// Why it is not served, or its file was passed over when it was last read.
    package let reason: String?
    /// Nil where it is not served.
    package let version: ModelVersion?
    /// Queued jobs that were accepted for it; nil where it is not served.
    package let waitingJobs: Int?
    /// Whether the next start gives its name another file: a client has named this one.
    package var isUntilRestart = false
    /// What scores a part of its jobs too; nil for none.
    package var canary: CanaryStanding?
}

/// The models that are served, and those that are not.
extension ScoringService {
    /// Each version that is served, and each name that is not.
    package var standings: [ModelStanding] {
        get async {
            var queued: [String: Int] = [:]
            for (id, open) in (try? await backlog.openModels()) ?? [:] {
                if let sha256 = id.sha256 { queued["\(id.name)@\(sha256)", default: 0] += open.queued }
            }
            var standings: [ModelStanding] = []
            func add(_ version: ModelVersion, _ state: ModelStanding.State, _ reason: String? = nil) async {
                let isDefault = state == .ready && version === models.default
                let waiting = queued["\(version.name)@\(await version.sha256)"] ?? 0
                standings.append(
                    ModelStanding(
                        name: version.name, state: state, isDefault: isDefault, reason: reason, version: version,
                        waitingJobs: waiting,
                        isUntilRestart: state == .ready && library?.isGivenAnother(version.name) == true,
                        canary: state == .ready ? canary(of: version.name) : nil))
            }
            for version in models.all {
                let isCurrent = models.current(version.name) === version
                await add(version, isCurrent ? .ready : .kept, isCurrent ? library?.failure(of: version.name) : nil)
            }
            for version in models.hidden { await add(version, .retiring) }
            for absent in library?.absent ?? [] {
                standings.append(
                    ModelStanding(
                        name: absent.name, state: absent.isFailed ? .failed : .unloaded, isDefault: false,
                        reason: absent.reason, version: nil, waitingJobs: nil))
            }
            return standings
        }
    }

    private func canary(of name: String) -> CanaryStanding? {
        guard let canary = settings.canary, canary.name.hasBytes(of: name) else { return nil }
        return canary.standing
    }
}

/// What a client may ask of what is served by a name.
package enum ModelChange: Sendable {
    /// Its file is read anew, or another file of the folder; or it gets a version again that it had, by the first digits of its
    /// SHA-256.
    case load(file: String? = nil, version: String? = nil)
    /// It gets the version again that it had before.
    case rollBack
    /// Nothing is served by it any more.
    case unload
}

/// Changing what is served, one change at a time and without a gap: a version is loaded and tested beside the one that is
/// served, and jobs of it can be done before any is accepted.
extension ScoringService {
    /// Does what a client asks.
    ///
    /// - Returns: what new jobs of the name get from now on; nil where they get nothing
    package func make(_ change: ModelChange, of name: String) async throws(ScoringError) -> ModelVersion? {
        switch change {
        case .load(let file, let version): return try await load(name, from: file, version: version)
        case .rollBack: return try await rollBack(name)
        case .unload:
            try await unload(name)
            return nil
        }
    }

    /// Reads the file of a name anew, and gives new jobs of the name what is in it; or what they got before, where `version`
    /// says which by the first digits of its digest.
    ///
    /// - Parameter file: the name of a file in the library's folder, which the name stands for from then on
    @discardableResult
    package func load(
        _ name: String, from file: String? = nil, version digits: String? = nil
    ) async throws(ScoringError) -> ModelVersion {
        try await change { library throws(ModelChangeError) in
            if let digits, file == nil { return try await library.earlier(name, digits) }
            return try await library.stage(name, from: file)
        }
    }

    /// Gives new jobs of a name the version again that they got before.
    @discardableResult
    package func rollBack(_ name: String) async throws(ScoringError) -> ModelVersion {
        try await change { library throws(ModelChangeError) in try await library.earlier(name) }
    }

    /// Serves a name no longer; the jobs that were accepted for it are done.
    ///
    /// - Parameter isGone: whether its file is gone
    /// - Returns: the file that the name stands for then, where it was given another that is gone
    @discardableResult
    package func unload(_ name: String, isGone: Bool = false) async throws(ScoringError) -> String? {
        guard let library else { throw .change(.isFixed) }
        await changes.enter()
        defer { changes.leave() }
        do { try library.unload(name) } catch { throw .change(error) }
        let home = isGone ? library.lose(name) : nil
        await letGo()
        return home
    }

    private func change(
        _ find: (ModelLibrary) async throws(ModelChangeError) -> ModelVersion
    ) async throws(ScoringError) -> ModelVersion {
        guard let library else { throw .change(.isFixed) }
        await changes.enter()
        defer { changes.leave() }
        let version: ModelVersion
        do { version = try await find(library) } catch { throw .change(error) }
        do { try await tellServed() } catch { throw .store(error) }
        models.promote(version)
        settings.canary?.shareServed()
        await letGo()
        return version
    }

    /// Lets go of versions whose jobs are done, until the task is cancelled.
    ///
    /// - Parameter copies: a folder on whose disk models can have copies without names, where jobs are not on one
    package func lookAfterModels(copies: String, by clock: some JobClock = SystemClock()) async {
        await isolate(in: copies)
        areIsolated.store(true, ordering: .releasing)
        _ = await readCanary()
        await clock.every(.seconds(2)) {
            guard !models.hidden.isEmpty else { return }
            await changes.enter()
            await letGo()
            changes.leave()
        }
    }

    /// Lets go of versions that nobody can accept a job for any more and whose jobs are done. In this order: what is looked
    /// at first can't come back.
    private func letGo() async {
        let unheld = models.unheld
        guard !unheld.isEmpty, let open = try? await backlog.openModels() else { return }
        let needed = Set(open.keys.compactMap(\.sha256).map { ByteText($0) })
        let done = Set(unheld.filter { id in id.sha256.map { !needed.contains(ByteText($0)) } ?? true })
        guard !done.isEmpty else { return }
        models.drop(done)
        await forgetModels()
        // Where the store can't be told now it will be with the next change: what it takes for served has no jobs.
        try? await tellServed()
    }

    private func tellServed() async throws(JobStoreError) {
        try await backlog.serve(await claimable, missing: missing)
    }

    /// The models whose jobs are done here.
    var claimable: ServedModels {
        get async {
            let served = settings.missingModel == .rescore ? .every : await models.served
            guard let videos = settings.videos else { return served }
            if case .by? = videos.known { return served }
            return served.without(kind: VideoSubject.kind)
        }
    }

    /// Has jobs with videos done once it is known that these can be decoded; where they can't be, such jobs wait for a server that can,
    /// and the log says so.
    func settleVideos() async {
        guard let videos = settings.videos else { return }
        let decoding = await videos.decodingLater()
        await changes.enter()
        defer { changes.leave() }
        while !hasDrained {
            do throws(JobStoreError) {
                try await tellServed()
                break
            } catch { try? await backlog.clock.sleep(until: backlog.clock.now + .seconds(1)) }
        }
        guard case .refused(let reason) = decoding, let waiting = try? await backlog.waitingJobs() else { return }
        let jobs = waiting.reduce(0) { $0 + ($1.kind == nil ? 0 : $1.jobs) }
        guard jobs > 0 else { return }
        backlog.logger.warning(
            "jobs with videos wait, since none can be decoded here",
            metadata: ["jobs": .stringConvertible(jobs), "reason": "\(reason)"])
    }

    /// Why a queued job waits that is not behind others, in words; nil where it is about to be in its turn.
    package func reason(waiting job: Job) -> String? {
        guard job.isModelMissing else { return nil }
        let isServed = settings.missingModel == .rescore || models.version(of: job.modelID) != nil
        guard isServed, VideoSubject(of: job) != nil else {
            return "the job waits for its model \(job.modelID), which is not served here"
                + (reason(missing: job.modelID).map { ": \($0)" } ?? "")
        }
        return reasonOfVideos.map { "the job waits for a server that decodes videos: \($0)" }
    }

    /// Why no video is decoded; nil where some are, or that is not known yet.
    package var reasonOfVideos: String? {
        guard case .refused(let reason)? = settings.videos?.known else { return nil }
        return reason
    }

    /// What a store is to make of the jobs of others.
    var missing: MissingModel { settings.missingModel == .rescore ? .wait : settings.missingModel }
}
