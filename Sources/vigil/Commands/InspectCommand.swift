import API
import ArgumentParser
import Formats
import JSON
import Platform
import Scoring
import Tensors
import VadCLIP

/// `vigil inspect`.
struct InspectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show what checkpoints, models, feature files, videos and frames hold.",
        discussion: """
            For features this is the feature report: whether they are what the model takes. A video is decoded as a whole, by \
            ffmpeg.
            """)

    @Argument(help: "The files; a pipe is read to its end, and so is standard input, which is called -.")
    var files: [String] = []
    @Option(help: "The width that features should have. (default: 512; 64, the demo model's, is told)")
    var width: Int?
    @Flag(help: "The files are float32 rows, whatever they are called.")
    var raw = false
    @Flag(help: "List the tensors of checkpoints and models too.")
    var tensors = false
    @Flag(help: "Write JSON, an object a line, with all tensors.")
    var json = false
    @OptionGroup(title: "Videos") var videos: VideoOptions

    func run() async throws {
        if let width, !(1...8_192).contains(width) {
            throw Failure(.usage, "--width \(width): expected 1 to 8192")
        }
        try FeatureReader.check(files, of: "inspect")
        var failures = FileFailures(of: files.count)
        for (index, file) in files.enumerated() {
            do { try await show(file, isFirst: index == 0) } catch { try failures.add(error, of: file) }
        }
        try failures.end()
    }

    private func show(_ path: String, isFirst: Bool) async throws {
        if !raw, let video = try VideoReport(path, videos) {
            return try write(json ? video.json : video.text, of: path, isFirst)
        }
        let widths = width.map { [$0] } ?? [Self.usualWidth, FeatureCheck.demoWidth]
        let opened = try FeatureReader.open(path, isRows: raw, widths: widths, isStreamed: FrameFacts.areFrames)
        let file = opened.file
        if !raw, let frames = try FrameFacts(opened) {
            return try write(json ? frames.json(file: path) : frames.text, of: path, isFirst)
        }
        guard let inspection = try raw ? nil : inspection(of: file) else {
            return try await showFeatures(file, isFirst)
        }
        try write(
            json ? inspection.json(file: path) : inspection.text(withTensors: tensors), of: path, isFirst)
    }

    /// What a file holds that is no feature file; nil for one that is, or is to be told what it is.
    private func inspection(of file: MappedFile) throws -> Inspection? {
        switch FileKind.detect(file) {
        case .torchZip where TorchFeatures.isTorch(file):
            let features = try? TorchFeatures.array(in: file, limits: ArrayLimits())
            return features == nil ? Inspection(checkpoint: try TorchCheckpoint(file: file), file: file) : nil
        case .legacyTorch: return Inspection(checkpoint: try TorchCheckpoint(file: file), file: file)
        case .safetensors:
            let tensors: SafetensorsFile
            do { tensors = try SafetensorsFile(file: file) } catch { throw Failure(.badData, "\(file.path): \(error)") }
            if ModelFile.isModel(tensors) { return try Inspection(model: tensors, file: file) }
            if ModelFile.isTower(tensors) { return try Inspection(tower: tensors, file: file) }
            return tensors["features"] == nil ? Inspection(tensors: tensors, file: file) : nil
        default: return nil
        }
    }

    private static let usualWidth = 512

    private func showFeatures(_ file: MappedFile, _ isFirst: Bool) async throws {
        var isFirst = isFirst
        for found in try await FeatureReader.matrices(in: file, isRows: raw, width: width ?? Self.usualWidth) {
            let document = FeatureReportDocument(try report(on: found, in: file.path))
            let lines = document.lines.map { $0 + String(repeating: " ", count: max(1, 15 - $0.count)) + $1 }
            try write(
                json ? document.json(file: found.label) : Array(lines.joined(separator: "\n").utf8), of: found.label,
                isFirst)
            isFirst = false
        }
    }

    private func report(on found: FeatureReader.Found, in path: String) throws -> FeatureReport {
        // What comes with Vigil to be tried is no mistake.
        let shape = found.matrix.array.shape
        let isDemo = width == nil && shape.count == 2 && shape[1] == FeatureCheck.demoWidth
        do throws(FeatureError) {
            let check = FeatureCheck(width: isDemo ? FeatureCheck.demoWidth : width ?? Self.usualWidth)
            var report = try check.accept(found.matrix.array).report
            report.warnings =
                found.matrix.notes + notes(on: found, in: path, isDemo: isDemo) + report.warnings
            return report
        } catch {
            var hint = ""
            if case .wrongWidth(let width, _) = error { hint = " (--width \(width) if that is what you mean)" }
            throw Failure(.badData, "\(found.label): \(error)\(hint)")
        }
    }

    private func notes(on found: FeatureReader.Found, in path: String, isDemo: Bool) -> [String] {
        var notes: [String] = []
        if !found.parameters.isEmpty {
            let names = found.parameters.map { "'\($0.name)'" }.joined(separator: ", ")
            notes.append("beside the features, for vigil score and POST /score: \(names)")
        }
        if let made = RecipeFile.fewerBits(of: path, digest: { found.matrix.array.digest }) {
            notes.append(
                "made by vigil extract in \(made.compute.rawValue), as \(made.recipe) tells: a little other than float32's"
            )
        }
        if isDemo {
            notes.append(
                "rows are 64 wide, as the embedded demo model takes them, which vigil serve and vigil score use without "
                    + "--model; imported models take 512")
        }
        return notes
    }

    /// Writes what was found, under the file's name where it is one of several.
    private func write(_ bytes: [UInt8], of label: String, _ isFirst: Bool) throws {
        let isNamed = !json && (files.count > 1 || label != files[0])
        let title = isNamed ? Array("\(isFirst ? "" : "\n")\(label)\n".utf8) : []
        try Terminal.print(title + bytes, asJSON: json)
    }
}

/// What a file of tensors holds: facts, then the tensors.
private struct Inspection {
    /// A fact as JSON has it.
    private enum Fact {
        case text(String)
        case count(Int)
        case list([String])
        case flag(Bool)
        /// Arithmetics, with the differences that were recorded of those of fewer bits.
        case computes([(name: String, difference: SelfTest.Difference?)])
        /// The same of an image tower.
        case imageComputes([(name: String, difference: ImageDifference?)])
        case none

        /// As a line has it.
        var text: String {
            switch self {
            case .text(let text): text
            case .count(let count): String(count)
            case .list(let items): items.joined(separator: ", ")
            case .flag(let flag): flag ? "yes" : "no"
            case .computes(let computes):
                computes.map { name, difference in
                    name
                        + (difference.map { " (logits differ by \($0.coarse), those of the classes by \($0.fine))" }
                            ?? "")
                }.joined(separator: ", ")
            case .imageComputes(let computes):
                computes.map { name, difference in
                    name + (difference.map { " (features differ by \($0.largest), cosine \($0.cosine))" } ?? "")
                }.joined(separator: ", ")
            case .none: "none"
            }
        }
    }

    private var facts: [(name: String, value: Fact)]
    private var tensors: [(name: String, type: String, shape: [Int])]
    /// How a model was trained.
    private var training: (json: JSONValue, text: [UInt8])?

    /// A PyTorch checkpoint.
    init(checkpoint: TorchCheckpoint, file: MappedFile) {
        tensors = checkpoint.names.compactMap { name in
            checkpoint.tensor(named: name).map { (name, $0.elementType.rawValue, $0.shape) }
        }
        facts = [
            ("kind", .text("PyTorch checkpoint")), ("tensors", .count(tensors.count)),
            ("elements", .count(checkpoint.totalParameters)), ("bytes", .count(file.count)),
        ]
        let layers = tensors.count { $0.name.begins(with: "temporal.resblocks.") && $0.name.ends(with: ".ln_1.weight") }
        if let shape = checkpoint.tensor(named: "frame_position_embeddings.weight")?.shape, shape.count == 2 {
            facts.append(("family", ModelFamily.recognised(in: checkpoint.names).map { .text($0.name) } ?? .none))
            facts += [("length", .count(shape[0])), ("width", .count(shape[1])), ("layers", .count(layers))]
            facts.append(("text tower", .flag(tensors.contains { $0.name == "clipmodel.text_projection" })))
        }
        if let image = try? ImageSource(file: file).configuration { facts.append(("image tower", .text("\(image)"))) }
    }

    /// A model file.
    init(model: SafetensorsFile, file: MappedFile) throws {
        let configuration = try ModelSource.named(file) { () throws(ModelError) in
            try ModelFile.configuration(of: model)
        }
        let tower = try Self.tower(in: model)
        self.init(tensors: model, names: model.names.filter { !ModelFile.isPrepared($0) }, file: file)
        facts[0].value = .text("Vigil model")
        let caveat = try ModelSource.named(file) { () throws(ModelError) in try ModelFile.caveat(of: model) }
        let own: [(name: String, value: Fact)] = [
            ("name", .text(model.metadata["name"] ?? "")), ("family", .text(configuration.kind.family.name)),
            ("labels", .list(configuration.labels)),
            ("window", .count(configuration.window)), ("length", .count(configuration.length)),
            ("width", .count(configuration.width)), ("layers", .count(configuration.layers)),
            ("trained", .flag(model.metadata["trained"] != "false")), ("caveat", Self.known(caveat)),
            ("text tower", .flag(model["tokenizer.merges"] != nil)),
        ]
        facts.append(contentsOf: own)
        facts.append(contentsOf: Self.facts(of: tower))
        let files: [(name: String, value: Fact)] = [
            ("weights", .text(model.metadata["weights"] ?? "float32")),
            ("checked in", Self.checks(of: model)),
            ("prepared for", Self.known(model.metadata["prepared"])),
            ("prepared in", Self.prepared(in: model)),
            ("source sha256", .text(model.metadata["source_sha256"] ?? "")),
            ("sha256", .text(FileDigest(of: file).value)),
        ]
        facts.append(contentsOf: files)
        if let text = ModelFile.training(of: model).map({ Array($0.utf8) }), let json = try? JSONReader.parse(text) {
            training = (json, text)
        }
    }

    /// An image tower alone.
    init(tower: SafetensorsFile, file: MappedFile) throws {
        let kept = try Self.tower(in: tower)
        self.init(tensors: tower, names: tower.names.filter { !ModelFile.isPrepared($0) }, file: file)
        facts[0].value = .text("Vigil image tower")
        facts.append(contentsOf: Self.facts(of: kept))
        let own: [(name: String, value: Fact)] = [
            ("width", .count(kept?.configuration.outputWidth ?? 0)),
            ("weights", .text(tower.metadata["weights"] ?? "float32")),
            ("prepared for", Self.known(tower.metadata["prepared"])),
            ("prepared in", Self.prepared(in: tower)),
            ("source sha256", .text(kept?.sourceSHA256 ?? "")), ("sha256", .text(FileDigest(of: file).value)),
        ]
        facts.append(contentsOf: own)
    }

    private static func known(_ text: String?) -> Fact {
        guard let text else { return .none }
        return .text(text)
    }

    private static func facts(of tower: KeptImageTower?) -> [(name: String, value: Fact)] {
        guard let tower else { return [("image tower", .none), ("image sha256", .none), ("image checked in", .none)] }
        return [
            ("image tower", .text("\(tower.configuration), \(tower.byteCount) bytes")),
            ("image sha256", .text(tower.sha256)), ("image checked in", checks(of: tower)),
        ]
    }

    private static func tower(in tensors: SafetensorsFile) throws -> KeptImageTower? {
        try ModelSource.named(tensors.file) { () throws(ModelError) in try KeptImageTower.find(in: tensors) }
    }

    /// The arithmetics that a model can be computed in: float32, and those whose differences the import recorded.
    private static func checks(of model: SafetensorsFile) -> Fact {
        let differences = ModelFile.differences(of: model)
        return .computes(
            Compute.allCases.filter { $0 == .float32 || differences[$0] != nil }.map { ($0.rawValue, differences[$0]) })
    }

    /// The same of an image tower.
    private static func checks(of tower: KeptImageTower) -> Fact {
        .imageComputes(
            Compute.allCases.filter { $0 == .float32 || tower.differences[$0] != nil }.map {
                ($0.rawValue, tower.differences[$0])
            })
    }

    private static func prepared(in tensors: SafetensorsFile) -> Fact {
        let computes = ModelFile.preparedComputes(of: tensors)
        return computes.isEmpty ? .none : .list(computes.map(\.rawValue))
    }

    /// Any safetensors file.
    init(tensors: SafetensorsFile, file: MappedFile) {
        self.init(tensors: tensors, names: tensors.names, file: file)
    }

    private init(tensors all: SafetensorsFile, names: [String], file: MappedFile) {
        let shown = names.compactMap { all[$0] }
        tensors = shown.map { ($0.name, $0.elementType.rawValue, $0.shape) }
        facts = [
            ("kind", .text("safetensors")), ("tensors", .count(tensors.count)),
            ("elements", .count(shown.reduce(0) { $0 + $1.elementCount })), ("bytes", .count(file.count)),
        ]
    }

    /// A line a fact, and where it is asked for a line a tensor: of these there are hundreds.
    func text(withTensors: Bool) -> [UInt8] {
        let facts = facts + trainingFacts
        let wide = facts.map(\.name.count).max() ?? 0
        var lines = facts.map {
            $0.name + String(repeating: " ", count: wide + 2 - $0.name.count) + fit($0.value.text, isOneLine: true)
        }
        lines.append("")
        lines +=
            withTensors
            ? tensors.map { "\(fit($0.name, isOneLine: true))  \($0.type)  \($0.shape)" }
            : ["--tensors lists the tensors"]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// How a model was trained, a fact a line; its history, which is long, is for JSON alone.
    private var trainingFacts: [(name: String, value: Fact)] {
        guard case .object(let members)? = training?.json else { return [] }
        return members.filter { $0.name != "history" }.flatMap { member -> [(name: String, value: Fact)] in
            guard case .object(let inner) = member.value else {
                return [("training " + member.name, .text(member.value.oneLine))]
            }
            return inner.map { fact in
                let option = Self.options[fact.name].map { " (\($0))" } ?? ""
                return ("training \(member.name).\(fact.name)", .text(fact.value.oneLine + option))
            }
        }
    }

    /// Options of `vigil train` that are called otherwise than what is kept of them.
    private static let options: [String: String] = [
        "learning_rate": "--rate", "first_decay": "--beta1", "second_decay": "--beta2", "prompt_prefix": "--prefix",
        "prompt_postfix": "--postfix",
    ]

    /// An object of the facts, with the file's name and the tensors as an array.
    func json(file: String) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", file)
                for fact in facts {
                    write(fact.value, as: fact.name.pieces(between: ASCII.space).joined(separator: "_"), to: &json)
                }
                if let training {
                    json.key("training")
                    json.raw(training.text)
                }
                json.key("parts")
                json.array(tensors) { json, tensor in
                    json.object { json in
                        json.member("name", tensor.name)
                        json.member("dtype", tensor.type)
                        json.key("shape")
                        json.array(tensor.shape) { $0.number($1) }
                    }
                }
            }
        }
    }

    private func write(_ fact: Fact, as name: String, to json: inout JSONWriter) {
        switch fact {
        case .text(let text): json.member(name, text)
        case .count(let count): json.member(name, count)
        case .flag(let flag): json.member(name, flag)
        case .list(let items):
            json.member(name, items)
        case .computes(let computes):
            json.key(name)
            json.array(computes) { json, compute in
                json.object { json in
                    json.member("compute", compute.name)
                    json.member("coarse_difference", compute.difference.map { Double($0.coarse) })
                    json.member("fine_difference", compute.difference.map { Double($0.fine) })
                }
            }
        case .imageComputes(let computes):
            json.key(name)
            json.array(computes) { json, compute in
                json.object { json in
                    json.member("compute", compute.name)
                    json.member("difference", compute.difference.map { Double($0.largest) })
                    json.member("cosine", compute.difference.map { Double($0.cosine) })
                }
            }
        case .none:
            json.key(name)
            json.null()
        }
    }
}

extension JSONValue {
    /// Short, for a person: lists between commas, objects as `name value`.
    fileprivate var oneLine: String {
        switch self {
        case .null: "none"
        case .bool(let flag): flag ? "yes" : "no"
        case .number(let text), .string(let text): text
        case .array(let items): items.isEmpty ? "none" : items.map(\.oneLine).joined(separator: ", ")
        case .object(let members): members.map { "\($0.name) \($0.value.oneLine)" }.joined(separator: ", ")
        }
    }
}
