import Platform

/// A family of models: five answers, and the published settings that no tensor shows.
///
/// It is fixed when a checkpoint is imported, and kept in the model file. docs/families.md says how to add one.
public struct ModelFamily: Sendable, Equatable {
    /// Those that are known, each before the ones whose marks it has too.
    public static let all: [ModelFamily] = [
        .dsaNet,
        .avadCLIP,
        .vadCLIP,
    ]

    /// Its name in model files, in `/v1/models` and in results.
    public let name: String
    /// Its name as its authors write it.
    public let title: String
    /// 1. Which checkpoints are its own.
    let recognition: Recognition
    /// 2. How text features of labels are made.
    let text: any TextRecipe
    /// 3. What makes V of a chunk's features.
    let trunk: Trunk
    /// 4. What makes logits of V and the text features.
    let head: Head
    /// 5. What makes scores of logits, by the settings.
    let readout: @Sendable (FamilySettings) -> any Readout
    /// What its models have that no tensor shows, beside window and labels.
    let settings: [FamilySetting]
    /// The published models.
    public let presets: [Preset]

    /// Whether both are the same family.
    public static func == (left: ModelFamily, right: ModelFamily) -> Bool { left.name.hasBytes(of: right.name) }

    /// The family of this name.
    public static func named(_ name: String) -> ModelFamily? { all.first { $0.name.hasBytes(of: name) } }

    /// The family whose checkpoint has tensors of these names, whatever a tool has put before them; nil where it is none.
    public static func recognised(in names: [String]) -> ModelFamily? {
        all.first { family in
            family.recognition.marks.allSatisfy { mark in
                names.contains { $0.hasBytes(of: mark) || $0.ends(with: "." + mark) }
            }
        }
    }

    /// How many of each part a checkpoint with these names has.
    func counts(in names: [String]) -> [Int] {
        recognition.parts.map { max(0, CheckpointShapes.count(of: $0.prefix, in: names) - $0.others) }
    }

    /// The published model with so many of each part.
    func preset(counts: [Int]) -> Preset? { presets.first { $0.counts == counts } }

    /// So many of each part, in words.
    func said(_ counts: [Int]) -> String {
        zip(counts, recognition.parts).map { "\($0) \($1.name)" }.joined(separator: " and ")
    }
}

/// How a family's checkpoints are told from others, and one published model of it from the next.
struct Recognition: Sendable {
    /// Something that a checkpoint has so many of.
    struct Part: Sendable {
        /// What it is called in messages, behind a number.
        let name: String
        /// What its tensors' names begin with, a number from 0 on behind it.
        let prefix: String
        /// How many of these are something else.
        var others = 0
    }

    /// Names of tensors that are all in its checkpoints; the last is its own, that of no family further down the list.
    let marks: [String]
    /// What the published models differ in.
    let parts: [Part]
    /// Beginnings of names that only its training needs.
    var passedOver: [String] = []
    /// Beginnings of names that stand for tensors which are also, or should be, there under others.
    var secondNames: [(prefix: String, stands: String)] = []
}

/// A number that a family's models have and no tensor shows.
struct FamilySetting: Sendable {
    /// Its key in a model file's metadata.
    let key: ByteText
    /// What it may be.
    let range: ClosedRange<Float>
}

/// The numbers of a model that no tensor shows, by the keys of its file's metadata.
public typealias FamilySettings = [ByteText: Float]

/// A family with one model's settings: what its file, and its results, say of how scores are made.
public struct ModelKind: Sendable, Equatable {
    /// The family.
    public let family: ModelFamily
    /// Its settings, a number for each that the family has.
    public let settings: FamilySettings

    /// A model of VadCLIP's, which has no settings.
    public static let vadCLIP = ModelKind(checked: .vadCLIP, [:])

    /// A model of `family`; throws where a setting is missing or out of its range.
    public init(_ family: ModelFamily, _ settings: FamilySettings) throws(ModelError) {
        for setting in family.settings {
            let value = settings[setting.key]
            guard let value, setting.range.contains(value) else {
                throw .badSetting(
                    name: setting.key.text, value: value.map { "\($0)" } ?? "missing",
                    expected: "a number from \(setting.range.lowerBound) to \(setting.range.upperBound)")
            }
        }
        self.init(checked: family, settings)
    }

    private init(checked family: ModelFamily, _ settings: FamilySettings) {
        self.family = family
        self.settings = settings
    }

    /// How scores are made of its logits.
    public var readout: any Readout { family.readout(settings) }
}
