import Platform
import Tensors
import VadCLIP

/// What is wrong with a list and its features, found before anything runs on them.
public struct FeatureAudit: Equatable, Sendable {
    /// What a list is for.
    public enum Purpose: Equatable, Sendable {
        /// Each crop of a video is a sample of its own.
        case training
        /// A video is scored once.
        case testing
    }

    /// A fault or a doubt.
    public struct Finding: Equatable, Sendable, CustomStringConvertible {
        /// What sort of error it is, with which nothing can go on; nil for a doubt.
        public let error: DatasetError.Kind?
        /// One sentence.
        public let description: String
    }

    /// What was found, errors and doubts.
    public private(set) var findings: [Finding] = []
    /// What the list holds.
    public let summary: ListSummary
    /// The file of each row; nil for those that are missing.
    public let files: [String?]
    /// Snippets T of each row's features, as far as headers tell.
    public private(set) var snippets: [Int?] = []

    /// Faults that nothing can go on with.
    public var errors: [Finding] { findings.filter { $0.error != nil } }

    /// Looks at a list and at the headers of its feature files.
    ///
    /// - Parameters:
    ///   - width: d of the features; unknown where it is nil, and then the rows must be of one width
    ///   - isThorough: whether the features are read too, to find what is not finite
    public init(
        _ list: VideoList, classes: [[Int]], spelling: LabelSpelling, in folder: FeatureFolder, width: Int?,
        for purpose: Purpose, isThorough: Bool = false
    ) {
        summary = ListSummary(list, classes: classes, spelling: spelling)
        files = list.rows.map { folder.file($0.path) }
        checkRows(list, for: purpose)
        checkClasses(for: purpose)
        checkMissing(list, folder)
        checkHeaders(list, width: width)
        if isThorough { checkValues(list, width: width) }
    }

    /// Throws the first fault, and says how many more there are.
    public func check() throws(DatasetError) {
        let errors = findings.filter { $0.error != nil }
        guard let first = errors.first, let kind = first.error else { return }
        throw DatasetError(kind, first.description + (errors.count > 1 ? "; and \(errors.count - 1) more faults" : ""))
    }

    private mutating func error(_ text: String, _ kind: DatasetError.Kind = .badData) {
        findings.append(Finding(error: kind, description: text))
    }

    private mutating func doubt(_ text: String) { findings.append(Finding(error: nil, description: text)) }

    private mutating func checkRows(_ list: VideoList, for purpose: Purpose) {
        var seen: [VideoName: Int] = [:]
        var repeated: (name: VideoName, line: Int)?
        var count = 0
        for row in list.rows where seen.updateValue(row.line, forKey: row.video) != nil {
            count += 1
            repeated = repeated ?? (row.video, row.line)
        }
        if let repeated {
            let crop = repeated.name.crop.map { ", crop \($0)," } ?? ""
            error(
                "\(list.path): \(count) rows name a video again that was there; the first is line \(repeated.line), "
                    + "\(quoted(repeated.name.name))\(crop)")
        }
        guard purpose == .testing, summary.crops.count > 1, summary.rows > summary.videos else { return }
        error(
            "\(list.path) names up to \(summary.mostRowsOfAVideo) crops of a video (\(summary.rows) rows of "
                + "\(summary.videos) videos): a video is tested once, by crop 5 in UCF-Crime, by crop 0 in XD-Violence. "
                + "Is it the training list?")
    }

    private mutating func checkClasses(for purpose: Purpose) {
        let empty = summary.emptyClasses
        guard !empty.isEmpty else { return }
        let names = empty.joined(separator: ", ")
        if purpose == .training {
            error("no video of the training list has the class \(names): nothing can be learned of it")
        } else {
            doubt("no video of the list has the class \(names): its average precision counts as 0 in the published mAP")
        }
    }

    private mutating func checkMissing(_ list: VideoList, _ folder: FeatureFolder) {
        let missing = zip(list.rows, files).filter { $0.1 == nil }.map(\.0)
        guard let first = missing.first else { return }
        error(
            "\(missing.count) of the \(list.rows.count) feature files of \(list.path) are not in \(folder.path); the first "
                + "is line \(first.line)'s, \(quoted(first.path, limit: 200))", .noInput)
    }

    private mutating func checkHeaders(_ list: VideoList, width: Int?) {
        var expected = width
        var wrong: (count: Int, text: String)?
        for (row, file) in zip(list.rows, files) {
            var found: Int?
            if let file {
                let shape = (try? FeatureFile.shape(file)) ?? nil
                if let shape, shape.count == 2, shape[0] > 0, shape[1] == expected ?? shape[1] {
                    expected = shape[1]
                    found = shape[0]
                } else {
                    let text =
                        "\(file) (line \(row.line)) "
                        + (shape.map { "has shape \($0): expected [T, \(expected.map(String.init) ?? "d")]" }
                            ?? "is no .npy array that can be read")
                    wrong = (wrong.map { $0.count + 1 } ?? 1, wrong?.text ?? text)
                }
            }
            snippets.append(found)
        }
        guard let wrong else { return }
        error("\(wrong.text)" + (wrong.count > 1 ? "; and \(wrong.count - 1) more files are wrong" : ""))
    }

    private mutating func checkValues(_ list: VideoList, width: Int?) {
        var warned: (count: Int, text: String)?
        for (file, count) in zip(files, snippets) {
            guard let file, count != nil, let shape = (try? FeatureFile.shape(file)) ?? nil, shape.count == 2 else {
                continue
            }
            do throws(DatasetError) {
                let report = try FeatureFile.features(file, width: width ?? shape[1]).report
                if let first = report.warnings.first {
                    warned = (warned.map { $0.count + 1 } ?? 1, warned?.text ?? "\(file): \(first)")
                }
            } catch {
                self.error(error.description, error.kind)
            }
        }
        guard let warned else { return }
        doubt(warned.text + (warned.count > 1 ? "; and \(warned.count - 1) more files are doubtful" : ""))
    }
}
