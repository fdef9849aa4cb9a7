import Engine

extension ScoringService {
    /// Reads the canary's file again where it has changed. It is read for the first time once models have copies of their own,
    /// and before that it is left to be read then.
    ///
    /// - Returns: whether it can be used, as far as that is known, or there is none
    package func rereadCanary() async -> Bool {
        guard areIsolated.load(ordering: .acquiring) else { return true }
        return await readCanary()
    }

    /// Reads the canary's file, beside what is served.
    ///
    /// - Returns: whether it can be used, or there is none
    func readCanary() async -> Bool {
        guard let canary = settings.canary, let library else { return true }
        await canary.reading.enter()
        defer { canary.reading.leave() }
        do throws(ModelLoadError) {
            guard let version = try await canary.read(by: library) else {
                try canary.checkFit()
                return true
            }
            // Reading takes a while, and keeps nobody from changing what is served.
            await changes.enter()
            defer { changes.leave() }
            try canary.use(version)
            let sha256 = version.knownSHA256 ?? ""
            backlog.logger.info(
                "the canary was read", metadata: ["model": "\(canary.name)", "canary_sha256": "\(sha256)"])
            return true
        } catch {
            backlog.logger.error(
                "the canary can't be used, and jobs are scored without it",
                metadata: ["model": "\(canary.name)", "error": "\(error.reason)"])
            return false
        }
    }
}
