import Formats
import JSON
import Platform
import VadCLIP

/// What a file of tensors holds: facts, then the tensors.
struct Inspection {
    /// A fact as JSON has it.
    private enum Fact {
        case text(String)
        case count(Int)
        case list([String])
        case flag(Bool)
        case none

        /// As a line has it.
        var text: String {
            switch self {
            case .text(let text): text
            case .count(let count): String(count)
            case .list(let items): items.joined(separator: ", ")
            case .flag(let flag): flag ? "yes" : "no"
            case .none: "none"
            }
        }
    }

    private var facts: [(name: String, value: Fact)]
    private var tensors: [(name: String, type: String, shape: [Int])]

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
            facts += [("length", .count(shape[0])), ("width", .count(shape[1])), ("layers", .count(layers))]
            facts.append(("text tower", .flag(tensors.contains { $0.name == "clipmodel.text_projection" })))
        }
    }

    /// A model file.
    init(model: SafetensorsFile, file: MappedFile) throws {
        let configuration = try ModelSource.named(file) { () throws(ModelError) in
            try ModelFile.configuration(of: model)
        }
        self.init(tensors: model, names: model.names.filter { !ModelFile.isPrepared($0) }, file: file)
        facts[0].value = .text("Vigil model")
        facts += [
            ("name", .text(model.metadata["name"] ?? "")), ("labels", .list(configuration.labels)),
            ("window", .count(configuration.window)), ("length", .count(configuration.length)),
            ("width", .count(configuration.width)), ("layers", .count(configuration.layers)),
            ("trained", .flag(model.metadata["trained"] != "false")),
            ("text tower", .flag(model["tokenizer.merges"] != nil)),
            ("weights", .text(model.metadata["weights"] ?? "float32")),
            ("prepared for", model.metadata["prepared"].map { .text($0) } ?? .none),
            ("source sha256", .text(model.metadata["source_sha256"] ?? "")),
            ("sha256", .text(FileDigest(of: file).value)),
        ]
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
        let wide = facts.map(\.name.count).max() ?? 0
        var lines = facts.map { $0.name + String(repeating: " ", count: wide + 2 - $0.name.count) + $0.value.text }
        lines.append("")
        lines += withTensors ? tensors.map { "\($0.name)  \($0.type)  \($0.shape)" } : ["--tensors lists the tensors"]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// An object of the facts, with the file's name and the tensors as an array.
    func json(file: String) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", file)
                for fact in facts {
                    write(fact.value, as: fact.name.pieces(between: ASCII.space).joined(separator: "_"), to: &json)
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
            json.key(name)
            json.array(items) { $0.string($1) }
        case .none:
            json.key(name)
            json.null()
        }
    }
}
