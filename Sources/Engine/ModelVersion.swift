public import Jobs
import Platform
import Synchronization
import Tensors
public import VadCLIP

/// A model under the name that it is served by: what a job is accepted for, and what it is scored by.
///
/// Whoever holds it has the model. With its last holder the weights go, and the workers' scratch memory where no other version
/// has it.
public final class ModelVersion: Sendable {
    /// What people call it.
    public let name: String
    /// The model itself.
    public let model: Model
    /// When it was loaded.
    public let loadedAt = SystemClock().wall
    private let digest: Mutex<Digest>
    private let benches = Mutex<[ObjectIdentifier: Bench]>([:])

    private enum Digest {
        case unknown
        case computing(Task<String, Never>)
        case known(String)
    }

    /// What a worker scores with by this model.
    ///
    /// `@unchecked Sendable`: it is only ever given to the worker who sits at the seat that it is kept for, and so is its scratch
    /// memory, which the benches of other versions at the same seat may have too.
    private struct Bench: @unchecked Sendable {
        let scorer: ChunkScorer
    }

    /// A version of this name, the model's own unless another is given. Its digest begins to be computed.
    public init(_ model: Model, name: String? = nil) {
        self.name = name ?? model.info.name
        self.model = model
        digest = Mutex(model.info.digest.known.map { .known($0) } ?? .unknown)
        if knownSHA256 == nil { _ = computation }
    }

    /// The SHA-256 of the model's file, in hexadecimal, for tasks, which must not block: it takes a while to compute, once.
    public var sha256: String {
        get async {
            if let knownSHA256 { return knownSHA256 }
            return await computation.value
        }
    }

    /// The same where it is known by now.
    public var knownSHA256: String? {
        digest.withLock { if case .known(let digits) = $0 { digits } else { nil } }
    }

    /// Whether it is known to be the one of this name and digest.
    func isVersion(_ name: String, _ sha256: String) -> Bool {
        self.name.hasBytes(of: name) && knownSHA256?.hasBytes(of: sha256) == true
    }

    /// What all who ask too early wait for: one thread that computes it.
    private var computation: Task<String, Never> {
        digest.withLock { state in
            switch state {
            case .computing(let task): return task
            case .known(let digits): return Task { digits }
            case .unknown:
                let task = Task {
                    let digits = await WorkThreads.blocking.run { [file = model.info.digest] in file.value }
                    digest.withLock { $0 = .known(digits) }
                    return digits
                }
                state = .computing(task)
                return task
            }
        }
    }

    /// What the worker who sits at `seat` scores with; its scratch memory is that of all models of this shape.
    func scorer(at seat: WorkerSeat) -> ChunkScorer {
        if let bench = benches.withLock({ $0[ObjectIdentifier(seat)] }) { return bench.scorer }
        let bench = Bench(scorer: ChunkScorer(model: model, in: seat.scratch(for: model)))
        benches.withLock { $0[ObjectIdentifier(seat)] = bench }
        return bench.scorer
    }
}

/// Where a worker sits. Scratch memory is kept by it: of two workers none ever has the same, and one who comes to a seat that
/// was given up may go on with what was kept there.
///
/// A seat finds the memory that it has for each shape of models, and the versions hold it: it goes with the last one of its shape.
public final class WorkerSeat {
    private struct Known {
        weak var scratch: ChunkScratch?
    }

    /// By which another worker takes part in what is computed here; nil where there is no other.
    let second: LentThread?
    private var known: [ChunkScratch.Shape: Known] = [:]

    init(canBeHelped: Bool) { second = canBeHelped ? LentThread() : nil }

    /// The memory for a model's shape; it is reserved where no version has it.
    fileprivate func scratch(for model: Model) -> ChunkScratch {
        let shape = ChunkScratch.Shape(of: model)
        if let scratch = known[shape]?.scratch { return scratch }
        let scratch = ChunkScratch(for: model, second: second)
        known = known.filter { $0.value.scratch != nil }
        known[shape] = Known(scratch: scratch)
        return scratch
    }
}
