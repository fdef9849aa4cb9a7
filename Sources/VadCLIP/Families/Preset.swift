import Platform

/// The settings that go with a published model and can't be read off its checkpoint's shapes.
public struct Preset: Sendable, Equatable {
    /// `ucf-crime`, `xd-violence`, and the same of another family behind its name.
    public let name: String
    /// How many of each of its family's parts the published model has, layers first.
    let counts: [Int]
    /// Snippets of an attention window.
    public let window: Int
    /// Class labels in order, the normal one first.
    public let labels: [String]
    /// The labels' word tokens in CLIP's vocabulary, so that importing needs no vocabulary file.
    public let tokens: [[Int]]
    /// The numbers of its family.
    public var settings: FamilySettings = [:]

    /// Layers of the published model.
    public var layers: Int { counts.first ?? 0 }

    /// All families', VadCLIP's first.
    public static let all = ModelFamily.all.reversed().flatMap(\.presets)

    /// The preset called `name`.
    public static func named(_ name: String) -> Preset? { all.first { $0.name.hasBytes(of: name) } }

    /// VadCLIP's preset of a checkpoint with so many layers: what the published models differ in.
    public static func matching(layers: Int) -> Preset? { ModelFamily.vadCLIP.preset(counts: [layers]) }

    /// The family that it is of.
    public var family: ModelFamily { ModelFamily.all.first { $0.presets.contains(self) } ?? .vadCLIP }

    /// Its family with its settings.
    public var kind: ModelKind {
        get throws(ModelError) { try ModelKind(family, settings) }
    }
}
