extension ModelFamily {
    /// AVadCLIP's visual student, TMM 2025, which learned from a model that hears too: VadCLIP with a refined trunk.
    ///
    /// The teacher's checkpoints have no `fe_net`, and what hears in it has names that no family has.
    public static let avadCLIP = ModelFamily(
        name: "avadclip", title: "AVadCLIP",
        recognition: Recognition(
            marks: [ModelFile.Name.positions, convolutions[0] + ".weight"],
            parts: [.init(name: "layer(s)", prefix: Trunk.blocks)], passedOver: ["fe_net.theta.", "alpha"]),
        text: PromptedText(), trunk: .refinedLGTAdapter(convolutions), head: .branches,
        readout: { _ in SoftmaxReadout() }, settings: [], presets: [.avadCLIPXDViolence])

    private static let convolutions = (0..<3).map { "fe_net.conv.\($0).conv.0" }
}

extension Preset {
    /// AVadCLIP's XD-Violence: VadCLIP's settings.
    public static let avadCLIPXDViolence = Preset(
        name: "avadclip-xd-violence", counts: xdViolence.counts, window: xdViolence.window, labels: xdViolence.labels,
        tokens: xdViolence.tokens)
}
