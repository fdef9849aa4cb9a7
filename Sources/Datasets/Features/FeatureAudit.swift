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

    /// Faults that nothing can go on with.
    public var errors: [Finding] { findings.filter { $0.error != nil } }

    /// Looks at a list and at the headers of its feature files.
    ///
    /// - Parameters:
    ///   - width: d of the features; unknown where it is nil, and then the rows must be of one width
    ///   - isThorough: whether the features are read too, to find what is not finite
    public init(
        _ list: VideoList, classes: [[Int]], spelling: LabelSpelling, in folder: FeatureFolder, width: Int?,
        for purpose: ListPurpose, isThorough: Bool = false
    ) {
        summary = ListSummary(list, classes: classes, spelling: spelling)
        self.width = width
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
        var refused = Cases()
        files.reserveCapacity(list.rows.count)
        for row in list.rows {
            var file: String?
            do throws(DatasetError) {
                file = try folder.look(for: row.path)
                if file == nil {
                    first = first ?? row
                    missing.add("line \(row.line): \(quoted(row.path, limit: 200)) is not in \(folder.path)")
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
                        + "the first is line \(first.line)'s, \(quoted(first.path, limit: 200))"))
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
        guard shape.count == 2, shape[0] > 0, shape[1] == width ?? shape[1] else {
            throw DatasetError(
                .badData, "\(file) has shape \(shape): expected [T, \(width.map(String.init) ?? "d")]")
        }
        width = shape[1]
        return shape[0]
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
