/// The settings that go with the published models and can't be read off a checkpoint's shapes.
public struct Preset: Sendable, Equatable {
    /// `ucf-crime` or `xd-violence`.
    public let name: String
    /// Layers of the published model.
    public let layers: Int
    /// Snippets of an attention window.
    public let window: Int
    /// Class labels in order, the normal one first.
    public let labels: [String]
    /// The labels' word tokens in CLIP's vocabulary, so that importing needs no vocabulary file.
    public let tokens: [[Int]]

    /// UCF-Crime: 14 classes, two layers, windows of 8.
    public static let ucfCrime = Preset(
        name: "ucf-crime", layers: 2, window: 8,
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
        name: "xd-violence", layers: 1, window: 64,
        labels: ["normal", "fighting", "shooting", "riot", "abuse", "car accident", "explosion"],
        tokens: [[5967], [4652], [3992], [14218], [7678], [1615, 6608], [13785]])

    /// Both.
    public static let all = [ucfCrime, xdViolence]

    /// The preset called `name`.
    public static func named(_ name: String) -> Preset? { all.first { $0.name == name } }

    /// The preset of a checkpoint with so many layers: what the published models differ in.
    public static func matching(layers: Int) -> Preset? { all.first { $0.layers == layers } }
}
