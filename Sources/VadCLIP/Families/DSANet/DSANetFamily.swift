import CLIP
import Platform
import Tensors

extension ModelFamily {
    /// DSANet, AAAI 2026: VadCLIP's trunk and head, other text features and a hierarchical readout.
    ///
    /// Its checkpoints have CLIP under two names, the second within the module of the text adapters.
    public static let dsaNet = ModelFamily(
        name: "dsanet", title: "DSANet",
        recognition: Recognition(
            marks: [ModelFile.Name.positions, TextAdapters.name(0)],
            parts: [
                .init(name: "layer(s)", prefix: Trunk.blocks),
                .init(name: "text adapter(s)", prefix: TextAdapters.prefix, others: 1),
            ],
            passedOver: ["video_anomaly_refiner."],
            secondNames: [("clip_adapter.clipmodel.", "clipmodel.")]),
        text: AdaptedText(), trunk: .lgtAdapter, head: .branches,
        readout: { RefinedReadout(temperature: $0[RefinedReadout.temperature] ?? 1) },
        settings: [
            FamilySetting(key: TextAdapters.blend, range: 0...1),
            FamilySetting(key: RefinedReadout.temperature, range: 0.01...1_000),
        ],
        presets: [.dsaNetUCFCrime, .dsaNetXDViolence])
}

extension Preset {
    /// DSANet's UCF-Crime: VadCLIP's classes, three text adapters with a share of 0.1, temperature 5.
    public static let dsaNetUCFCrime = Preset(
        name: "dsanet-ucf-crime", counts: [2, 3], window: ucfCrime.window,
        labels: ucfCrime.labels.map { $0.hasBytes(of: "roadAccidents") ? "roadaccidents" : $0 },
        tokens: ucfCrime.tokens, settings: [TextAdapters.blend: 0.1, RefinedReadout.temperature: 5])

    /// DSANet's XD-Violence: VadCLIP's classes, one text adapter with a share of 0.6, temperature 1.
    public static let dsaNetXDViolence = Preset(
        name: "dsanet-xd-violence", counts: [1, 1], window: xdViolence.window, labels: xdViolence.labels,
        tokens: xdViolence.tokens, settings: [TextAdapters.blend: 0.6, RefinedReadout.temperature: 1])
}
