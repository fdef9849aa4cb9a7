import Engine
import Platform

extension ScoringService {
    /// Reads the canary's file again where it has changed. It is read for the first time once models have copies of their own,
    /// and before that it is left to be read then.
    ///
    /// - Returns: what came of that, as far as it is known
    package func rereadCanary() async -> Rereading {
        guard areIsolated.load(ordering: .acquiring) else { return .unchanged }
        return await readCanary()
    }

    /// Reads the canary's file, beside what is served.
    func readCanary() async -> Rereading {
        guard let canary = settings.canary, let library else { return .unchanged }
        await canary.reading.enter()
        defer { canary.reading.leave() }
        do throws(ModelLoadError) {
            guard let version = try await canary.read(by: library) else {
                try canary.checkFit()
                return .unchanged
            }
            // Reading takes a while, and keeps nobody from changing what is served.
            await changes.enter()
            defer { changes.leave() }
            try canary.use(version)
            let sha256 = version.knownSHA256 ?? ""
            backlog.logger.info(
                "the canary was read", metadata: ["model": "\(canary.name)", "canary_sha256": "\(sha256)"])
            return .read
        } catch {
            backlog.logger.error(
                "the canary can't be used, and jobs are scored without it",
                metadata: ["model": "\(canary.name)", "error": "\(error.reason)"])
            return .kept
        }
    }
}
