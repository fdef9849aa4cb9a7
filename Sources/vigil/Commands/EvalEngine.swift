import Tensors
import VadCLIP

/// What scores for `vigil eval`, as its options, the environment and a config file say it.
struct EvalEngine {
    private let settings: Settings
    /// The model's file; nil for the embedded one, and where logits are there already.
    let model: String?
    /// Threads that score.
    let threads: Int
    /// The arithmetic of products with weights.
    let compute: Compute

    /// - Parameter general: what was given of the settings that other commands have too
    init(_ input: EvalInput, _ general: [String: [String]]) throws {
        let own = ["model": input.model.map { [$0] }].compactMapValues(\.self)
        settings = try Settings(.eval, options: general, own)
        model = input.logits == nil ? try settings.model()?.path : nil
        threads = try settings.integer(ifSet: "workers") ?? Processors.count
        compute = try settings.compute()
    }

    /// Loads the model, and runs its self-test.
    func load() throws -> Model { try ModelSource.load(path: model, kernels: settings.kernels()) }

    /// Whether a setting was given on the command line, and not in a place that other commands share.
    func isOption(_ name: String) -> Bool { settings.place(of: name) == .option }
}
