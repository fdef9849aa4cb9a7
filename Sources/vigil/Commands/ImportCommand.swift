import ArgumentParser
import Engine
import Platform
import Scoring
import Tensors
import VadCLIP

/// `vigil import`.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Make a model file of a published or a training checkpoint.",
        discussion: """
            Reads a .pth without running anything in it, computes the labels' text features, records the self-test, \
            and writes one small file that is mapped into memory when it serves. Of CLIP by itself (openai/CLIP's \
            ViT-B-16.pt, or a CLIPModel of Hugging Face) it writes the image tower alone, for vigil \
            extract; with --weights, --prepare and --compute, as the other options are a model's.
            """)

    @Argument(
        help: """
            The checkpoint: a .pth of PyTorch 1.6 or later, or its state dict as .safetensors; or CLIP's, a TorchScript \
            archive too.
            """)
    var checkpoint: String
    @Option(help: "The model file to write.")
    var output: String
    @Option(
        help: "CLIP's vocabulary, for labels other than the published ones: \(ImportOptions.vocabularySource).")
    var vocab: String?
    @Option(
        help: """
            Settings of a published model: \(Preset.all.map(\.name).joined(separator: ", ")). (default: by the checkpoint's \
            parts)
            """)
    var preset: String?
    @Option(help: "Class labels in order, separated by commas, the normal class first. (default: the preset's)")
    var labels: String?
    @Option(help: "Snippets of an attention window. (default: the preset's)")
    var window: Int?
    @Option(
        help: """
            Key or prefix of the weights to take, where a checkpoint has several, such as model_ema. (default: the plain \
            ones)
            """)
    var weightsFrom: String?
    @Option(help: "The model's name. (default: the preset's)")
    var name: String?
    @Option(
        help: """
            How matrices are kept: float32, float16, bfloat16 or int8. Smaller files; what is computed with is --compute of \
            vigil serve.
            """)
    var weights: WeightPrecision = .float32
    @Option(
        help: """
            Kernels that the weights are also stored prepared for, so that starting does no work: avx512, avx2, neon, \
            portable or none. (default: this machine's, with float32 weights)
            """)
    var prepare: String?
    @Option(
        help: """
            Arithmetics that the prepared weights are for, separated by commas: float32, bfloat16, int8; the image tower's \
            too. The model can be computed in each of them without, and starts more slowly.
            """)
    var compute = "float32"
    @Flag(help: "Keep CLIP's text tower, so that any labels can be scored; needs --vocab.")
    var keepTextTower = false
    @Flag(help: "Keep CLIP's image tower, so that features can be made of frames.")
    var keepImageTower = false
    @Option(
        help: """
            Keep the image tower of this file in place of the checkpoint's: openai/CLIP's ViT-B-16.pt, a CLIPModel of \
            Hugging Face, or another checkpoint or model file.
            """)
    var imageTower: String?
    @Flag(help: "Mark the weights as random, wherever the model shows.")
    var untrained = false

    func run() async throws {
        var options = ImportOptions()
        options.preset = try preset.map { name in
            guard let preset = Preset.named(name) else {
                throw Failure(
                    .usage, "--preset '\(name)': expected \(Preset.all.map(\.name).joined(separator: ", "))")
            }
            return preset
        }
        options.labels = try labels.map { try ScoreOptions.labels(in: $0) }
        if let window, !(1...8_192).contains(window) {
            throw Failure(.usage, "--window \(window): expected 1 to 8192")
        }
        try GivenName.check(name)
        options.window = window
        options.vocabulary = try vocab.map(VocabularyFile.text)
        options.keepTextTower = keepTextTower
        options.keepImageTower = keepImageTower
        options.name = name
        options.weightsFrom = weightsFrom
        options.trained = !untrained
        options.precision = weights
        options.prepared = try PreparedFor.kernels(prepare, usual: weights == .float32 ? .available[0] : nil)
        options.computes = try PreparedFor.computes(compute)
        if compute != Compute.float32.rawValue, options.prepared == nil {
            throw Failure(.usage, "--compute '\(compute)' says what --prepare prepares: expected that too")
        }
        if keepTextTower, vocab == nil {
            throw Failure(
                .usage,
                "--keep-text-tower needs CLIP's vocabulary by --vocab: \(ImportOptions.vocabularySource)")
        }
        do {
            try AtomicFile.check(path: output)
        } catch {
            throw Failure(.configuration, "--output \(error)")
        }
        guard !AtomicFile.isSameFile(checkpoint, output) else {
            throw Failure(.usage, "--output '\(output)' is the checkpoint itself: expected another file")
        }
        guard imageTower.map({ !AtomicFile.isSameFile($0, output) }) ?? true else {
            throw Failure(.usage, "--output '\(output)' is the file of --image-tower: expected another file")
        }
        let file = try MappedFile(path: checkpoint)
        options.imageTower = try imageTower.map { try MappedFile(path: $0) }
        let isReplaced = access(output, F_OK) == 0
        if ImageImporter.isOfCLIPAlone(file) {
            let others = optionsOfModels
            guard others.isEmpty else {
                throw Failure(
                    .usage,
                    "\(others.joined(separator: ", ")): expected with a model's checkpoint; \(checkpoint) holds CLIP and no "
                        + "model, and becomes a file of its image tower alone, for vigil extract")
            }
            try importTower(of: file, options, isReplaced: isReplaced)
            return
        }
        let summary = try ModelImporter(checkpoint: file, options: options).write(to: output)
        if let warning = options.labels.flatMap({ LabelList.warning(of: $0) }) { Terminal.note("note: \(warning)") }
        for note in summary.notes { Terminal.note("note: \(note)") }
        if isReplaced { Terminal.note("note: \(output) was there, and is replaced") }
        let configuration = summary.configuration
        let layers = configuration.layers == 1 ? "1 layer" : "\(configuration.layers) layers"
        var line = "\(output): model \(summary.name) of \(configuration.kind.family.title), "
        line += "\(configuration.labels.count) labels, \(layers), window \(configuration.window), "
        line += "length \(configuration.length), width \(configuration.width), \(summary.parameters) parameters, "
        line += "\(summary.precision.rawValue) weights\(prepared(options))"
        if let difference = summary.difference { line += ", logits off by at most \(difference) in the self-test" }
        if let tower = summary.imageTower { line += "; image tower \(tower)" }
        try Terminal.print(Array(line.utf8))
    }

    /// What the weights are also stored prepared for.
    private func prepared(_ options: ImportOptions) -> String {
        guard let kernels = options.prepared else { return "" }
        let computes =
            options.computes == [.float32] ? "" : " in \(options.computes.map(\.rawValue).joined(separator: ", "))"
        return ", prepared for \(kernels.name)\(computes)"
    }

    /// The options that were given and that only a model can follow.
    private var optionsOfModels: [String] {
        let given = [
            ("--preset", preset != nil), ("--labels", labels != nil), ("--window", window != nil),
            ("--weights-from", weightsFrom != nil), ("--name", name != nil), ("--vocab", vocab != nil),
            ("--keep-text-tower", keepTextTower), ("--image-tower", imageTower != nil), ("--untrained", untrained),
        ]
        return given.filter { $0.1 }.map { $0.0 }
    }

    /// Writes CLIP's image tower alone.
    private func importTower(of file: MappedFile, _ options: ImportOptions, isReplaced: Bool) throws {
        let importer = try ImageImporter(file: file, precision: weights, prepared: options.preparedFor)
        try importer.write(to: output)
        if isReplaced { Terminal.note("note: \(output) was there, and is replaced") }
        Terminal.note(
            "note: \(checkpoint) holds CLIP and no model: \(output) has its image tower, for vigil extract, and scores nothing"
        )
        let line =
            "\(output): image tower \(importer.configuration), \(importer.configuration.parameters) parameters, "
            + "\(weights.rawValue) weights" + prepared(options)
        try Terminal.print(Array(line.utf8))
    }
}

/// Names that models are given.
enum GivenName {
    /// Throws where --name is none that a server takes.
    static func check(_ name: String?) throws(Failure) {
        guard let name, !ModelName.isFit(name) else { return }
        throw Failure(.usage, "--name \(quoted(name)): expected \(ModelName.expected)")
    }
}

/// The kernels that a model file's weights are also stored prepared for.
enum PreparedFor {
    /// Those that --prepare names.
    static func kernels(_ name: String?, usual: Kernels?) throws(Failure) -> Kernels? {
        guard let name else { return usual }
        if name == "none" { return nil }
        do throws(KernelsError) { return try Kernels.named(name) } catch {
            throw Failure(
                .usage, "--prepare '\(name)': expected none or one of \(error.available.joined(separator: ", "))")
        }
    }
}

extension PreparedFor {
    /// The arithmetics in a list.
    static func computes(_ text: String) throws(Failure) -> [Compute] {
        var computes: [Compute] = []
        for name in text.pieces(between: ASCII.comma) {
            guard let compute = Compute.allCases.first(where: { $0.rawValue.hasBytes(of: String(name)) }),
                !computes.contains(compute)
            else {
                throw Failure(
                    .usage,
                    "--compute \(quoted(text)): expected one or more of "
                        + "\(Compute.allCases.map(\.rawValue).joined(separator: ", ")), each once, with commas between")
            }
            computes.append(compute)
        }
        return computes
    }
}

extension WeightPrecision: ExpressibleByArgument {}

extension Compute: ExpressibleByArgument {}
