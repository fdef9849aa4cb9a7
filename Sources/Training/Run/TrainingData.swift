public import Datasets
import JSON
import Platform
public import VadCLIP

/// The training list with its features: found, looked at, and read as they are needed.
public struct TrainingData: Sendable {
    /// What the list holds.
    public let summary: ListSummary
    /// What is doubtful about it.
    public let notes: [String]
    /// Of each row, the classes that its video is labelled.
    public let classes: [[Int]]
    /// Of each row, whether its video is normal.
    public var isNormal: [Bool] { classes.map { $0 == [0] } }
    /// SHA-256 of the list.
    public let digest: String
    /// SHA-256 of the feature files' names and sizes.
    let featuresDigest: String
    private let files: [String]
    private let names: Set<ByteText>

    /// Looks at a list and its features; throws all that is wrong with them, one sentence each.
    ///
    /// - Parameters:
    ///   - list: the rows
    ///   - spelling: how the lists write labels
    ///   - folder: where the features are
    ///   - width: d of the features
    ///   - isThorough: whether each feature file is read; else its header is
    public init(
        _ list: VideoList, spelling: LabelSpelling, in folder: FeatureFolder, width: Int, isThorough: Bool
    ) throws {
        let classes = try list.classes(spelling)
        let audit = FeatureAudit(
            list, classes: classes, spelling: spelling, in: folder, width: width, of: .textTower, for: .training,
            isThorough: isThorough)
        guard audit.errors.isEmpty else { throw DataFaults(audit) }
        guard classes.contains([0]) else {
            throw DataFaults([
                "no video of \(list.path) is labelled \(spelling.spellings[0]): nothing tells what is normal"
            ])
        }
        self.classes = classes
        summary = audit.summary
        notes = audit.findings.map(\.description)
        files = audit.files.compactMap { $0 }
        names = Set(list.rows.map { ByteText($0.video.name) })
        digest = try Self.digest(of: list.path)
        featuresDigest = try folder.digest(of: files)
    }

    /// What is to be said where a validation list names videos that are trained on.
    public func note(of validation: RunValidation) -> String? {
        let both = validation.names.intersection(names)
        guard let first = both.map(\.text).min() else { return nil }
        return "\(both.count) of the \(counted(validation.names.count, "video")) to be validated on "
            + "\(both.count == 1 ? "is" : "are") trained on too, \(quoted(first)) first: figures tell how well they were learned by heart"
    }

    /// The sample of a row.
    public func sample(_ row: Int, model: ModelConfiguration) throws(DatasetError) -> Sample {
        let features = try FeatureFile.features(files[row], width: model.width).features
        return Sample(features: features, classes: classes[row], model: model, source: files[row])
    }

    /// SHA-256 of a list's file.
    static func digest(of path: String) throws(DatasetError) -> String {
        do throws(FileError) { return FileDigest(of: try MappedFile(path: path)).value } catch {
            throw DatasetError(.noInput, error.description)
        }
    }

    /// Writes what is remembered of the list as members of a JSON object.
    func write(to json: inout JSONWriter) {
        json.member("list_sha256", digest)
        json.member("videos", summary.videos)
        json.member("rows", summary.rows)
        json.key("videos_by_class")
        json.object { json in for (label, videos) in summary.classes { json.member(label, videos) } }
    }
}

/// What is wrong with lists and features, all of it.
public struct DataFaults: Error, Equatable, Sendable, CustomStringConvertible {
    /// One sentence each.
    public let faults: [String]
    /// Whether files are missing or can't be read.
    public let isMissing: Bool

    init(_ faults: [String], isMissing: Bool = false) {
        self.faults = faults
        self.isMissing = isMissing
    }

    init(_ audit: FeatureAudit) {
        self.init(audit.errors.map(\.description), isMissing: audit.errors.contains { $0.error == .noInput })
    }

    /// All in one line.
    public var description: String { faults.joined(separator: "; ") }

    /// What two looks find; where both find faults, those of both are thrown.
    public static func ofBoth<One, Other>(
        _ one: () throws -> One, _ other: () throws -> Other
    ) throws -> (One, Other) {
        let (found, more) = (Result { try one() }, Result { try other() })
        if case .failure(let first) = found, case .failure(let second) = more, let first = DataFaults(found: first),
            let second = DataFaults(found: second)
        {
            throw DataFaults(first.faults + second.faults, isMissing: first.isMissing || second.isMissing)
        }
        return (try found.get(), try more.get())
    }

    private init?(found error: any Error) {
        switch error {
        case let faults as DataFaults: self = faults
        case let error as DatasetError: self.init([error.description], isMissing: error.kind == .noInput)
        default: return nil
        }
    }
}
