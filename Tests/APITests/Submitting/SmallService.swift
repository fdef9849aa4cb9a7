import Engine
import Jobs
import Platform
import VadCLIP

@testable import API
@testable import Scoring

/// A service with small models that answer differently, and nobody at work until `scoring.start()`.
enum SmallService {
    /// A model: its name, what its weights and its digest come from, and how wide its features are.
    struct Served {
        let name: String
        let seed: UInt64
        var width = 16
    }

    static func make(_ served: [Served]) async throws -> VigilService {
        func version(_ one: Served) throws -> ModelVersion {
            let configuration = ModelConfiguration(
                width: one.width, length: 8, layers: 1, window: 4, labels: ["normal", "fire"])
            let digest = String(repeating: "\(one.seed)a", count: 32)
            return ModelVersion(
                try Model.synthetic(configuration, seed: one.seed, sha256: digest, kernels: .available[0]),
                name: one.name)
        }
        let models = ModelRegistry(serving: try version(served[0]))
        for one in served.dropFirst() { models.promote(await models.stage(try version(one))) }
        return VigilService(
            ScoringService(models: models, backlog: Backlog(store: MemoryJobStore()), workers: 1), openAPI: [])
    }
}
