import Platform

/// Shape and settings of a VadCLIP model.
///
/// Throughout this target T is the snippets of a video, L the `length` of a chunk, n its valid rows, d the `width`,
/// K the classes.
public struct ModelConfiguration: Sendable, Equatable {
    /// d, the width of a feature: 512 in the published models.
    public var width: Int
    /// L, the snippets of a chunk: 256 in the published models.
    public var length: Int
    /// Blocks of the local module.
    public var layers: Int
    /// Snippets of a window of the local attention.
    public var window: Int
    /// Class labels in order; the first is the normal class.
    public var labels: [String]

    /// Frames that one snippet stands for.
    public static let framesPerSnippet = 16

    /// Takes the settings as they are; `validate` tells whether they fit together.
    public init(width: Int, length: Int, layers: Int, window: Int, labels: [String]) {
        self.width = width
        self.length = length
        self.layers = layers
        self.window = window
        self.labels = labels
    }

    /// Throws where a setting is out of its range, naming it.
    public func validate() throws(ModelError) {
        func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws(ModelError) {
            guard range.contains(value) else {
                throw .badSetting(
                    name: name, value: String(value), expected: "\(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("width", width, 2...8192)
        guard width % 2 == 0 else { throw .badSetting(name: "width", value: String(width), expected: "an even number") }
        try check("length", length, 1...8192)
        try check("layers", layers, 0...64)
        try check("window", window, 1...8192)
        try check("number of labels", labels.count, 2...ClassFeatures.most)
        if let empty = labels.firstIndex(where: { $0.allSatisfy(\.isWhitespace) || $0.utf8.count > 1_000 }) {
            throw .badSetting(
                name: "label \(empty)", value: quoted(labels[empty]), expected: "words, at most 1,000 bytes")
        }
        guard Set(labels.map({ ByteText($0) })).count == labels.count else {
            throw .badSetting(name: "labels", value: labels.joined(separator: ","), expected: "each label once")
        }
    }
}

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
