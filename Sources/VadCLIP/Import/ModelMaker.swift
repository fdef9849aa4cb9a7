import CLIP
import Formats
import Platform
import Tensors

/// Makes a model file of weights, imported or trained: computes the labels' text features, records the self-test, and
/// leaves nothing that the machine's own kernels would not serve.
struct ModelMaker<Weights: NamedWeights> {
    let weights: Weights
    let configuration: ModelConfiguration
    let tower: TextTower.Configuration
    /// The labels' word tokens.
    let tokens: [[Int]]
    let name: String
    let trained: Bool
    /// What is to be said wherever its scores are.
    let caveat: String?
    /// The checkpoint that the weights, or CLIP's, come from.
    let origin: MappedFile
    /// Its SHA-256.
    let source: String
    /// CLIP's vocabulary, where the text tower is to be kept.
    let vocabulary: String?
    let precision: WeightPrecision
    /// The kernels that the weights are also stored prepared for, each with an arithmetic.
    let prepared: [Kernels]
    /// How the weights were trained, as JSON.
    let training: String?
    /// The image tower, where it is to be kept.
    var image: ImagePlan?

    /// The model's own parameters, CLIP's not counted.
    var parameters: Int { configuration.tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } }

    /// Writes the model file; nothing is left at `path` where this throws.
    ///
    /// - Returns: the largest difference of a logit of the self-test from full precision's; nil for float32
    func write(to path: String) throws -> Float? {
        let info = ModelInfo(
            name: name, trained: trained, caveat: caveat, digest: FileDigest(known: ""), sourceSHA256: source,
            parameters: parameters)
        let plan = ModelFilePlan(
            info: info, configuration: configuration,
            classes: try ClassFeatures(labels: configuration.labels, features: try textFeatures()), tower: tower,
            vocabulary: vocabulary, precision: precision, training: training, image: image)
        let kept = RoundedWeights(base: weights, precision: precision)
        // The reference kernels: a self-test recorded by them checks all the others.
        var test = SelfTest(recording: try plan.model(of: kept, in: Preparation(kernels: .portable)))
        guard test.logits.firstNotFinite == nil else { throw Self.notFinite("logits of the self-test") }
        for compute in Compute.allCases where compute != .float32 {
            test.record(try plan.model(of: kept, in: Preparation(kernels: .portable.computing(compute))))
            for kernels in Kernels.available where kernels.name != Kernels.portable.name {
                test.widen(to: try plan.model(of: kept, in: Preparation(kernels: kernels.computing(compute))))
            }
        }
        var difference: Float?
        if precision != .float32 {
            difference = try test.run(
                on: try plan.model(of: weights, in: Preparation(kernels: .available[0])), within: .infinity)
        }
        let preparations = try prepared.map { kernels in
            let preparation = Preparation(kernels: kernels)
            _ = try plan.model(of: kept, in: preparation)
            return preparation
        }
        try plan.writer(weights, test: test, prepared: preparations).write(to: path) { written in
            try Self.load(written)
            guard origin.isUnchanged else {
                throw ModelError.notAModel(
                    "no model was written: \(origin.path) was written to while it was read, so that the weights are of two "
                        + "files; put another in its place by renaming")
            }
            if let file = image?.source.file, !file.isUnchanged {
                throw ModelError.notAModel("no model was written: \(file.path) was written to while it was read")
            }
        }
        return difference
    }

    private func textFeatures() throws(ModelError) -> Matrix {
        let text: Matrix
        do {
            text = try configuration.kind.textTower(
                from: weights, tower, streaming: true, kernels: .available[0]
            ).features(of: tokens)
        } catch let error as WeightError {
            throw .badWeights(error)
        } catch let error as TextTowerError {
            throw .badLabels("the text tower can't encode the labels: \(error)")
        } catch {
            throw .notAModel("\(error)")
        }
        guard text.firstNotFinite == nil else { throw Self.notFinite("text features") }
        return text
    }

    /// Loads what was written by all kernels that this machine has: nothing is written that they would not serve.
    private static func load(_ path: String) throws {
        for kernels in Kernels.available {
            do {
                let (model, test) = try ModelFile.load(MappedFile(path: path), kernels: kernels)
                try test.run(on: model)
                if model.imageTower != nil { try KeptImageTower.check(MappedFile(path: path), kernels) }
                // Others than the reference, whose differences were recorded.
                guard kernels.name != Kernels.portable.name else { continue }
                for compute in Compute.allCases where test.differences[compute] != nil {
                    try test.run(
                        on: try ModelFile.load(MappedFile(path: path), kernels: kernels.computing(compute)).0)
                }
            } catch let error as ModelError {
                throw ModelError.notAModel(
                    "no model was written, as it would not load with the \(kernels.name) kernels: \(error.description)")
            }
        }
    }

    private static func notFinite(_ what: String) -> ModelError {
        .notAModel("the weights are finite and their \(what) are not finite: they can't be used")
    }
}
