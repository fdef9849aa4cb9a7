import Formats
import VadCLIP

/// What a file of tensors holds: facts, then the tensors.
struct Inspection {
    private var facts: [(name: String, value: String)]
    private var tensors: [(name: String, type: String, shape: [Int])]

    /// A PyTorch checkpoint.
    init(checkpoint: TorchCheckpoint) {
        tensors = checkpoint.names.compactMap { name in
            checkpoint.tensor(named: name).map { (name, $0.elementType.rawValue, $0.shape) }
        }
        facts = [
            ("kind", "PyTorch checkpoint"), ("tensors", String(tensors.count)),
            ("elements", String(checkpoint.totalParameters)),
        ]
        let layers = tensors.count { $0.name.hasPrefix("temporal.resblocks.") && $0.name.hasSuffix(".ln_1.weight") }
        if let shape = checkpoint.tensor(named: "frame_position_embeddings.weight")?.shape, shape.count == 2 {
            facts += [("length", String(shape[0])), ("width", String(shape[1])), ("layers", String(layers))]
            facts.append(("text tower", tensors.contains { $0.name == "clipmodel.text_projection" } ? "yes" : "no"))
        }
    }

    /// A model file.
    init(model: SafetensorsFile, file: MappedFile) throws {
        let configuration = try ModelFile.configuration(of: model)
        self.init(tensors: model, names: model.names.filter { !ModelFile.isPrepared($0) })
        facts[0].value = "Vigil model"
        facts += [
            ("name", model.metadata["name"] ?? ""), ("labels", configuration.labels.joined(separator: ", ")),
            ("window", String(configuration.window)), ("length", String(configuration.length)),
            ("width", String(configuration.width)), ("layers", String(configuration.layers)),
            ("trained", model.metadata["trained"] ?? "true"),
            ("text tower", model["tokenizer.merges"] == nil ? "no" : "yes"),
            ("weights", model.metadata["weights"] ?? "float32"), ("prepared for", model.metadata["prepared"] ?? "none"),
            ("source sha256", model.metadata["source_sha256"] ?? ""),
            ("sha256", FileDigest(of: file).value),
        ]
    }

    /// Any safetensors file.
    init(tensors file: SafetensorsFile) { self.init(tensors: file, names: file.names) }

    private init(tensors file: SafetensorsFile, names: [String]) {
        let shown = names.compactMap { file[$0] }
        tensors = shown.map { ($0.name, $0.elementType.rawValue, $0.shape) }
        facts = [
            ("kind", "safetensors"), ("tensors", String(tensors.count)),
            ("elements", String(shown.reduce(0) { $0 + $1.elementCount })),
        ]
    }

    /// A line a fact and a line a tensor.
    var text: [UInt8] {
        let wide = facts.map(\.name.count).max() ?? 0
        var lines = facts.map { $0.name + String(repeating: " ", count: wide + 2 - $0.name.count) + $0.value }
        lines.append("")
        lines += tensors.map { "\($0.name)  \($0.type)  \($0.shape)" }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// An object of the facts, with the tensors as an array.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                for fact in facts { json.member(fact.name.split(separator: " ").joined(separator: "_"), fact.value) }
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
}
