import CLIP
import Tensors

extension ModelFamily {
    /// VadCLIP, AAAI 2024: what the others are told from.
    public static let vadCLIP = ModelFamily(
        name: "vadclip", title: "VadCLIP",
        recognition: Recognition(
            marks: [ModelFile.Name.positions], parts: [.init(name: "layer(s)", prefix: Trunk.blocks)]),
        text: PromptedText(), trunk: .lgtAdapter, head: .branches, readout: { _ in SoftmaxReadout() }, settings: [],
        presets: [.ucfCrime, .xdViolence])
}

extension Preset {
    /// UCF-Crime: 14 classes, two layers, windows of 8.
    public static let ucfCrime = Preset(
        name: "ucf-crime", counts: [2], window: 8,
        labels: [
            "normal", "abuse", "arrest", "arson", "assault", "burglary", "explosion", "fighting", "roadAccidents",
            "robbery", "shooting", "shoplifting", "stealing", "vandalism",
        ],
        tokens: [
            [5967], [7678], [9320], [29937], [9679], [32573], [13785], [4652], [4370, 22072], [16393], [3992],
            [5738, 10857], [14242], [45664],
        ])

    /// XD-Violence: 7 classes, one layer, windows of 64.
    public static let xdViolence = Preset(
        name: "xd-violence", counts: [1], window: 64,
        labels: ["normal", "fighting", "shooting", "riot", "abuse", "car accident", "explosion"],
        tokens: [[5967], [4652], [3992], [14218], [7678], [1615, 6608], [13785]])
}

/// A label's words within a learned prompt, through CLIP's text projection; not normalised.
struct PromptedText: TextRecipe {
    let prompt = (prefix: 10, postfix: 10)
    let output = (tensor: TextTower.Names.projection, axis: 1)

    func tensors(of tower: TextTower.Configuration, in source: some WeightSource) -> [(String, [Int])] {
        [
            (TextTower.Names.projection, [tower.width, tower.outputWidth]),
            (TextTower.Names.prompt, [tower.context, tower.width]),
        ]
    }

    func style(
        from source: some WeightSource, _ tower: TextTower.Configuration, _ settings: FamilySettings, kernels: Kernels
    ) throws(WeightError) -> any TextStyle {
        try LearnedPrompt(from: source, configuration: tower, kernels: kernels)
    }
}

/// Both branches by themselves: fine scores are the softmax of the fine logits over the classes.
struct SoftmaxReadout: Readout {
    func fine(_ logits: Logits) -> [Float] { scores(logits) }

    func preciseFine(_ logits: Logits) -> [Double] { scores(logits) }

    /// The paper's: AUC of the coarse score on UCF-Crime, AP of the A-Branch on XD-Violence.
    func headline(on benchmark: String) -> Headline {
        benchmark.hasBytes(of: Preset.xdViolence.name) ? .fine : .coarse
    }

    private func scores<Number: ScoreNumber>(_ logits: Logits) -> [Number] {
        logits.fineRows { (_, row: UnsafeMutableBufferPointer<Number>) in softmax(row) }
    }
}
