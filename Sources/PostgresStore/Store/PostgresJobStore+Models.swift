public import Jobs
import Platform

extension PostgresJobStore {
    /// Says which models this server serves, and notes the digest of those jobs that have none yet. A job waits for its model
    /// where no server that is there serves it.
    public func serve(_ models: ServedModels, missing: MissingModel) async throws(JobStoreError) -> ServedChange {
        let before = self.models
        let next = OwnModels(models: models, missing: missing, server: before.server, lease: before.lease)
        let (time, table, presence) = (time, table, presence)
        var adoptions: [String: String] = [:]
        for model in models.all {
            adoptions[model.name] = models.digest(for: ModelID(name: model.name, sha256: nil))
        }
        let (names, digests) = (Array(adoptions.keys), Array(adoptions.values))
        let change = try await call(isRepeatable: true) { session throws(PostgresError) in
            var view = try LiveView.read(session, time, served: before, settings: table)
            let others = try session.run([
                next.others(time), next.heartbeat(time, presence),
                Statement(
                    """
                    UPDATE jobs AS j SET model_sha256 = m.digest, revision = j.revision + 1
                    FROM unnest($1::bytea[], $2::bytea[]) AS m (name, digest)
                    WHERE j.status IN (0, 1) AND j.model = m.name AND j.model_sha256 IS NULL
                    """, [.texts(names), .texts(digests)]),
            ])[0]
            return view.table.serve(JobTable.Served(try next.models(with: others), missing: .wait))
        }
        own.withLock { $0.models = next }
        forgetView()
        return change
    }

    /// How many jobs wait for which model that no server serves.
    public func waitingJobs() async throws(JobStoreError) -> [WaitingJobs] {
        try await liveView().table.waitingJobs
    }

    /// How many jobs have not ended, by model.
    public func openModels() async throws(JobStoreError) -> [ModelID: OpenJobs] {
        try await liveView().table.openModels
    }

    /// What others do to the store's jobs.
    public func glance(at jobs: [JobID], counting: Bool) async throws(JobStoreError) -> Glance? {
        let values = models.values
        let looks = counting && settings.requiresSynchronous ? [Standbys.look] : []
        let found = try await call(on: looker, isRepeatable: true) { session throws(PostgresError) in
            try session.run(
                [
                    Statement(
                        """
                        SELECT EXISTS (SELECT 1 FROM jobs AS j WHERE j.status = 0
                        AND \(OwnModels.isOwn("j", every: 1, own: 2)))
                        """, Array(values.prefix(2))),
                    Statement("SELECT id, revision FROM jobs WHERE id = ANY ($1::bytea[])", [.ids(jobs)]),
                ] + looks)
        }
        var glance = Glance()
        do throws(PostgresError) {
            glance.hasWork = try found[0].first?.bool(0) ?? false
            for index in 0..<found[1].count {
                glance.revisions[try found[1][index].id(0)] = try found[1][index].count(1)
            }
            if !looks.isEmpty { note(try Standbys(found[2])) }
        } catch { throw error.told }
        if counting {
            let view = try await liveView()
            glance.queue = view.table.counts()
            glance.waiting = view.table.waitingJobs.reduce(0) { $0 + $1.jobs }
        }
        return glance
    }
}
