import Dispatch
public import Jobs
import Platform
import Synchronization
import Tensors
public import VadCLIP

/// A model under the name that it is served by: what a job is accepted for, and what it is scored by.
///
/// Whoever holds it has the model. With its last holder the weights go, and the workers' scratch memory for it.
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

    /// A worker's scratch memory for this model.
    ///
    /// `@unchecked Sendable`: it is only ever given to the worker who sits at the seat that it is kept for.
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
                    let digits = await withCheckedContinuation { continuation in
                        DispatchQueue.global().async { [file = model.info.digest] in
                            continuation.resume(returning: file.value)
                        }
                    }
                    digest.withLock { $0 = .known(digits) }
                    return digits
                }
                state = .computing(task)
                return task
            }
        }
    }

    /// The scratch memory of the worker who sits at `seat`; it is reserved the first time.
    func scorer(at seat: WorkerSeat) -> ChunkScorer {
        if let bench = benches.withLock({ $0[ObjectIdentifier(seat)] }) { return bench.scorer }
        let bench = Bench(scorer: ChunkScorer(model: model, second: seat.second))
        benches.withLock { $0[ObjectIdentifier(seat)] = bench }
        return bench.scorer
    }
}

/// Where a worker sits. Scratch memory is kept by it: of two workers none ever has the same, and one who comes to a seat that
/// was given up may go on with what was kept there.
public final class WorkerSeat {
    /// By which another worker takes part in what is computed here.
    let second = LentThread()

    init() {}
}
