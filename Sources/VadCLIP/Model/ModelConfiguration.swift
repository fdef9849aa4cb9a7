import Platform

/// Shape and settings of a model.
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
    /// The family, and what no tensor shows of it.
    public var kind: ModelKind

    /// Frames that one snippet stands for.
    public static let framesPerSnippet = 16

    /// Takes the settings as they are; `validate` tells whether they fit together.
    public init(
        width: Int, length: Int, layers: Int, window: Int, labels: [String], kind: ModelKind = .vadCLIP
    ) {
        self.width = width
        self.length = length
        self.layers = layers
        self.window = window
        self.labels = labels
        self.kind = kind
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
