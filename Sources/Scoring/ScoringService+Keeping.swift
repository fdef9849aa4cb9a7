import Dispatch
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
            let result = await Self.elsewhere {
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

    /// Serves the kept models of jobs that have not ended and whose models are not served otherwise.
    func bringBack() async {
        await forgetModels()
        guard let library, let open = try? await backlog.openModels() else { return }
        for id in open.keys.sorted(by: { $0.name < $1.name }) {
            guard let sha256 = id.sha256, models.version(of: id) == nil else { continue }
            let jobs = (open[id]?.queued ?? 0) + (open[id]?.running ?? 0)
            var fields: [String: String] = ["model": id.description, "jobs": "\(jobs)"]
            do throws(ModelChangeError) {
                guard let path = backlog.keptModels?.path(of: sha256) else {
                    throw .unusable(id.name, "its file is not kept beside the jobs")
                }
                try await library.bringBack(id.name, sha256, from: path)
                backlog.logger.notice(
                    "jobs are done by the model that they were accepted for, which is kept beside them",
                    metadata: fields.mapValues { "\($0)" })
            } catch {
                guard settings.missingModel == .rescore else { continue }
                fields["error"] = error.description
                backlog.logger.warning(
                    "jobs are scored by another model than the one that they were accepted for",
                    metadata: fields.mapValues { "\($0)" })
            }
        }
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

    /// Does what may wait for a disk on a thread of its own.
    private static func elsewhere<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: work()) }
        }
    }
}
