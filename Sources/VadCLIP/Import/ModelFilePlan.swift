import CLIP
import Formats
import JSON
import Platform
import Tensors

/// What a model file will hold, but for the weights themselves.
struct ModelFilePlan {
    let info: ModelInfo
    let configuration: ModelConfiguration
    let classes: ClassFeatures
    let tower: TextTower.Configuration
    /// CLIP's vocabulary, where the text tower is kept.
    let vocabulary: String?
    let precision: WeightPrecision
    /// How the weights were trained, as JSON.
    let training: String?
    /// The image tower, where it is kept.
    var image: ImagePlan?

    /// The model that `weights` make.
    func model(of weights: some WeightSource, in preparation: Preparation) throws(ModelError) -> Model {
        try Model(info: info, configuration: configuration, classes: classes, weights: weights, in: preparation)
    }

    /// The file: prepared blocks first, where their alignment is the file's, then what is read once.
    func writer(
        _ weights: some NamedWeights, test: SelfTest, prepared: [Preparation]
    ) throws -> SafetensorsWriter {
        let network = Network.tensors(of: configuration).flatMap {
            precision.tensors($0.name, $0.shape, of: weights)
        }
        let image = try self.image?.parts()
        var metadata = metadata
        for (key, value) in image?.metadata ?? [:] { metadata[key] = value }
        for (compute, difference) in test.differences {
            metadata[ByteText(ModelFile.Key.compute + compute.rawValue)] = difference.text
        }
        if let kernels = prepared.first?.kernels {
            metadata[ModelFile.Key.prepared] = PreparedSection.tag(kernels)
            metadata[ModelFile.Key.preparedFrom] = PreparedSection.text(
                try PreparedSection.fingerprint(of: network), configuration)
        }
        let (d, k, t) = (configuration.width, classes.labels.count, test.features.rows)
        var all = PreparedSection.tensors(prepared) + (image?.prepared ?? []) + network
        all += [
            .init(name: ModelFile.Name.text, shape: [k, d]) { classes.features.values },
            .init(name: ModelFile.Name.testFeatures, shape: [t, d]) { test.features.values },
            .init(name: ModelFile.Name.testCoarse, shape: [t]) { test.logits.coarse },
            .init(name: ModelFile.Name.testFine, shape: [t, k]) { test.logits.fine },
        ]
        if let vocabulary { all += keptTower(weights, vocabulary) }
        all += image?.tensors ?? []
        return try SafetensorsWriter(metadata: metadata, tensors: all)
    }

    private var metadata: [ByteText: String] {
        typealias Key = ModelFile.Key
        var metadata: [ByteText: String] = [
            ByteText(Key.format): ModelFile.format,
            ByteText(Key.version): ModelFile.version(of: configuration.kind.family),
            ByteText(Key.family): configuration.kind.family.name,
            ByteText(Key.name): info.name,
            ByteText(Key.labels): JSONWriter.text { json in json.array(classes.labels) { $0.string($1) } },
            ByteText(Key.window): String(configuration.window), ByteText(Key.trained): String(info.trained),
            ByteText(Key.source): info.sourceSHA256, ByteText(Key.prefix): String(tower.prefix),
            ByteText(Key.postfix): String(tower.postfix),
            ByteText(Key.precision): precision.rawValue,
        ]
        for (key, value) in configuration.kind.settings { metadata[key] = "\(value)" }
        if let training { metadata[Key.training] = training }
        if let caveat = info.caveat { metadata[ByteText(Key.caveat)] = caveat }
        return metadata
    }

    /// The text tower's tensors, and the merges of the vocabulary that CLIP uses.
    private func keptTower(_ weights: some NamedWeights, _ vocabulary: String) -> [SafetensorsWriter.Tensor] {
        let (w, names) = (tower.width, TextTower.Names.self)
        var shapes: [(String, [Int])] = [
            (names.tokens, [tower.vocabulary, w]), (names.positions, [tower.context, w]),
        ]
        shapes += configuration.kind.family.text.tensors(of: tower, in: weights)
        shapes += [(names.finalNorm + ".weight", [w]), (names.finalNorm + ".bias", [w])]
        for layer in 0..<tower.layers { shapes += Network.block(names.blocks + String(layer), width: w) }
        let lines = vocabulary.pieces(between: ASCII.lineFeed).prefix(Tokenizer.merges + 1)
        let merges = Array((lines.joined(separator: "\n") + "\n").utf8)
        return shapes.flatMap { precision.tensors($0.0, $0.1, of: weights) } + [
            .init(name: ModelFile.Name.merges, elementType: .uint8, shape: [merges.count]) { sink in
                try merges.withUnsafeBytes { try sink($0) }
            }
        ]
    }
}

extension WeightPrecision {
    /// A tensor in this precision, with its scales where it has some.
    func tensors(_ name: String, _ shape: [Int], of weights: some WeightSource) -> [SafetensorsWriter.Tensor] {
        guard applies(to: name, shape: shape) else {
            return [.init(name: name, shape: shape) { try weights.floats(name, shape: shape) }]
        }
        let encode = { try self.encode(try weights.floats(name, shape: shape), rows: shape[0], name: name) }
        let values = SafetensorsWriter.Tensor(name: name, elementType: elementType, shape: shape) { sink in
            try encode().values.withUnsafeBytes { try sink($0) }
        }
        guard self == .int8 else { return [values] }
        let scales = Self.scaleShape(rows: shape[0], columns: shape.dropFirst().reduce(1, *))
        return [values, .init(name: Self.scales(of: name), shape: scales) { try encode().scales }]
    }
}
