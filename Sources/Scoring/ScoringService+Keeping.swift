import Engine
import Jobs
import Platform

/// A job belongs to the model that it was accepted for, also in the next process: what it needs of that is kept beside it.
extension ScoringService {
    /// Keeps the files of models, before jobs are accepted for them. Where that can't be, those jobs can't be done by a process
    /// that serves others, and the log says so.
    func keep(_ versions: [ModelVersion]) async {
        guard let keeper = backlog.keptModels else { return }
        for version in versions {
            let sha256 = await version.sha256
            guard kept.withLock({ !$0.contains(ByteText(sha256)) }) else { continue }
            guard let file = version.model.info.digest.file else { continue }
            let result = await WorkThreads.blocking.run {
                Result { () throws(FileError) in
                    try keeper.keep(sha256) { path throws(FileError) in try file.copy(to: path) }
                }
            }
            // Once, also where it fails: it would again with each job.
            _ = kept.withLock { $0.insert(ByteText(sha256)) }
            if case .failure(let error) = result {
                backlog.logger.warning(
                    "a model's file can't be kept beside its jobs: what waits for it then can be done by servers of the same file alone",
                    metadata: ["model": "\(version.name)", "sha256": "\(sha256)", "error": "\(error)"])
            }
        }
    }

    /// Makes the models that are served independent of their files, so that nobody changes them who writes to those.
    func isolate(in folder: String) async {
        guard let library else { return }
        let place = backlog.keptModels?.folder ?? folder
        await changes.enter()
        defer { changes.leave() }
        for (name, error) in await WorkThreads.blocking.run({ library.isolate(in: place) }) {
            backlog.logger.warning(
                "a model's file is used as it is: put others in its place by renaming alone",
                metadata: ["model": "\(name)", "error": "\(error)"])
        }
    }

    /// Serves the kept models of jobs that have not ended and whose models are not served otherwise.
    func bringBack() async {
        await forgetModels()
        guard let library, let open = try? await backlog.openModels() else { return }
        for id in open.keys.sorted(by: { $0.name < $1.name }) {
            guard let sha256 = id.sha256, models.version(of: id) == nil else { continue }
            let jobs = (open[id]?.queued ?? 0) + (open[id]?.running ?? 0)
            var fields: [String: String] = ["model": id.description, "jobs": "\(jobs)"]
            let path = backlog.keptModels?.path(of: sha256)
            do throws(ModelChangeError) {
                guard let path else { throw .unusable(id.name, Self.notKept) }
                try await library.bringBack(id.name, sha256, from: path)
                backlog.logger.notice(
                    "jobs are done by the model that they were accepted for, which is kept beside them",
                    metadata: fields.mapValues { "\($0)" })
            } catch {
                fields["error"] = if case .unusable(_, let reason) = error { reason } else { error.description }
                missed.withLock { $0[ByteText(sha256)] = path == nil ? Self.notKept : Self.damaged }
                backlog.logger.warning(
                    settings.missingModel == .rescore
                        ? "jobs are scored by another model than the one that they were accepted for"
                        : "the model that jobs were accepted for can't be brought back",
                    metadata: fields.mapValues { "\($0)" })
            }
        }
    }

    private static let notKept = "its file is not kept beside the jobs"
    private static let damaged = "its file, which was kept beside the jobs, can't be used any more"

    /// Why the model that jobs wait for was not brought back; nil where nobody tried, or it was.
    package func reason(missing model: ModelID) -> String? {
        model.sha256.flatMap { sha256 in missed.withLock { $0[ByteText(sha256)] } }
    }

    /// Removes the files of models that no job needs any more; what is served here is needed for as long as jobs may be
    /// accepted for it.
    func forgetModels() async {
        guard let keeper = backlog.keptModels, let open = try? await backlog.openModels() else { return }
        var needed = Set(open.keys.compactMap(\.sha256).map { ByteText($0) })
        if !hasDrained { needed.formUnion(await models.served.all.compactMap(\.sha256).map { ByteText($0) }) }
        for sha256 in keeper.kept() where !needed.contains(ByteText(sha256)) {
            keeper.remove(sha256)
            _ = kept.withLock { $0.remove(ByteText(sha256)) }
        }
    }
}
