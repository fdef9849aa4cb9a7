import Platform
import Tensors
import VadCLIP

/// What is wrong with a list and its features, found before anything runs on them.
public struct FeatureAudit: Equatable, Sendable {
    /// What was found, errors and doubts.
    public private(set) var findings: [Finding] = []
    /// What the list holds.
    public let summary: ListSummary
    /// The file of each row; nil for those that are missing.
    public private(set) var files: [String?] = []
    /// Snippets T of each row's features, as far as headers tell.
    public private(set) var snippets: [Int?] = []
    /// d of the features, as far as it is known.
    private var width: Int?
    /// What has it; nil where only the files do.
    private let source: WidthSource?

    /// What says how wide features have to be.
    public enum WidthSource: Equatable, Sendable {
        /// The model that scores them.
        case model
        /// The text tower that a model is trained with.
        case textTower
    }

    /// Faults that nothing can go on with.
    public var errors: [Finding] { findings.filter { $0.error != nil } }

    /// Looks at a list and at the headers of its feature files.
    ///
    /// - Parameters:
    ///   - list: the rows
    ///   - classes: those of each row, by their indexes
    ///   - spelling: how the lists write labels
    ///   - folder: where the features are
    ///   - width: d of the features; unknown where it is nil, and then the rows must be of one width
    ///   - source: what has this width
    ///   - purpose: what the list is for
    ///   - isThorough: whether the features are read too, to find what is not finite
    public init(
        _ list: VideoList, classes: [[Int]], spelling: LabelSpelling, in folder: FeatureFolder, width: Int?,
        of source: WidthSource = .model, for purpose: ListPurpose, isThorough: Bool = false
    ) {
        summary = ListSummary(list, classes: classes, spelling: spelling)
        self.width = width
        self.source = width == nil ? nil : source
        findings = list.findings(classes: classes, summary, for: purpose)
        find(list, folder)
        checkHeaders(list)
        if isThorough { checkValues() }
    }

    /// Throws the first fault, and says how many more there are.
    public func check() throws(DatasetError) { try findings.check() }

    private mutating func find(_ list: VideoList, _ folder: FeatureFolder) {
        var missing = Cases()
        var first: VideoList.Row?
        var hint = ""
        var refused = Cases()
        files.reserveCapacity(list.rows.count)
        for row in list.rows {
            var file: String?
            do throws(DatasetError) {
                file = try folder.look(for: row.path)
                if file == nil {
                    let isFirst = first == nil
                    if isFirst { (first, hint) = (row, folder.hint(for: row.path).map { ": \($0)" } ?? "") }
                    let line = "line \(row.line): \(quoted(row.path, limit: 200)) is not in \(folder.path)"
                    missing.add(isFirst ? line + hint : line)
                }
            } catch {
                refused.add("\(error.description) (line \(row.line))")
            }
            files.append(file)
        }
        if let first {
            findings.append(
                Finding(
                    missing, .noInput,
                    "\(missing.count) of the \(list.rows.count) feature files of \(list.path) are not in \(folder.path); "
                        + "the first is line \(first.line)'s, \(quoted(first.path, limit: 200))"
                        + hint))
        }
        if let error = refused.error(.noInput) { findings.append(Finding(error)) }
    }

    private mutating func checkHeaders(_ list: VideoList) {
        var faults: [DatasetError] = []
        snippets.reserveCapacity(files.count)
        for (row, file) in zip(list.rows, files) {
            var found: Int?
            if let file {
                do throws(DatasetError) { found = try checkHeader(file) } catch {
                    faults.append(DatasetError(error.kind, "\(error.description) (line \(row.line))"))
                }
            }
            snippets.append(found)
        }
        findings += Finding.each(faults)
    }

    /// Snippets of a file, which has to be as wide as those before it.
    private mutating func checkHeader(_ file: String) throws(DatasetError) -> Int {
        let shape = try FeatureFile.shape(file)
        do throws(FeatureError) { try FeatureCheck(width: width ?? likelyWidth(of: shape)).check(shape: shape) } catch {
            throw DatasetError(.badData, "\(file): \(told(error))")
        }
        if width == nil { noteWidth(shape[1], of: file) }
        width = shape[1]
        return shape[0]
    }

    /// What is wrong with a file's shape, and what to do, where it is one of a list.
    private func told(_ error: FeatureError) -> String {
        switch error {
        case .wrongWidth(let found, let expected) where source == nil:
            "rows are \(found) wide, and those of the files before it \(expected)"
        case .wrongWidth(let found, let expected) where source == .textTower && expected != 512:
            "rows are \(found) wide: expected \(expected), as CLIP's text tower has it (--clip)"
        case .severalMatrices:
            "\(error). In a list each crop is a file and a row of its own, NAME__0.npy to NAME__9.npy"
        default: error.description
        }
    }

    /// The width of features whose model is not known: their last number, or CLIP's where it stands first alone.
    private func likelyWidth(of shape: [Int]) -> Int {
        guard shape.count > 1, let last = shape.last else { return 512 }
        return shape.count == 2 && shape[0] > last && Self.widths.contains(shape[0]) && !Self.widths.contains(last)
            ? shape[0] : last
    }

    /// Widths of CLIP ViT-B/16 and of the demo model.
    private static let widths = [512, FeatureCheck.demoWidth]

    /// Says what rows are that no published model takes, where no model is named.
    private mutating func noteWidth(_ found: Int, of file: String) {
        guard !Self.widths.contains(found) else { return }
        let error = FeatureError.wrongWidth(found: found, expected: 512)
        findings.append(Finding(doubt: "\(file): for the published models \(error.description)"))
    }

    private mutating func checkValues() {
        guard let width else { return }
        var faults: [DatasetError] = []
        var doubts: [String] = []
        for (file, count) in zip(files, snippets) {
            guard let file, count != nil else { continue }
            do throws(DatasetError) {
                let report = try FeatureFile.features(file, width: width).report
                if let first = report.warnings.first { doubts.append("\(file): \(first)") }
            } catch {
                faults.append(error)
            }
        }
        findings += Finding.each(faults)
        if !doubts.isEmpty { findings.append(Finding(doubts: doubts)) }
    }
}
