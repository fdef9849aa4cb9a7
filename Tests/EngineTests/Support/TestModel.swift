import Engine
import VadCLIP

/// Small models that differ by their digests.
enum TestModel {
    static let width = 16
    static let length = 8

    static func version(_ digest: String, name: String = "tiny", length: Int = length) throws -> ModelVersion {
        let configuration = ModelConfiguration(
            width: width, length: length, layers: 1, window: 4, labels: ["normal", "fire"])
        return ModelVersion(
            try Model.synthetic(configuration, sha256: digest, kernels: .available[0]), name: name)
    }
}

extension ModelRegistry {
    /// New jobs of the version's name get it from now on.
    @discardableResult
    func serve(_ version: ModelVersion) async -> ModelVersion {
        let served = await stage(version)
        promote(served)
        return served
    }
}

/// What may be gone by now.
///
/// `@unchecked Sendable`: it is only ever asked whether the object is there and which it is, never used.
struct Weak<Object: AnyObject>: @unchecked Sendable {
    weak var object: Object?

    init(_ object: Object) { self.object = object }
}

/// Tells whether a scorer is there, and no more.
///
/// `@unchecked Sendable`: the scorer is never used by this, only asked for whether it is gone.
struct ScorerTrace: @unchecked Sendable {
    private let scorer: Weak<ChunkScorer>

    init(_ scorer: ChunkScorer) { self.scorer = Weak(scorer) }

    var isGone: Bool { scorer.object == nil }

    /// Which scratch memory it has; nil where it is gone.
    var scratch: ObjectIdentifier? { scorer.object.map { ObjectIdentifier($0.scratch) } }
}
