import JSON
import VadCLIP

/// A feature report as JSON, and as lines for a terminal.
public struct FeatureReportDocument: Sendable {
    /// The report.
    public let report: FeatureReport

    /// Shows `report`.
    public init(_ report: FeatureReport) { self.report = report }

    /// The report object.
    public var json: [UInt8] {
        JSONWriter.document { write(to: &$0) }
    }

    /// The report object of a file that was read without a server, with the file's name.
    public func json(file: String) -> [UInt8] {
        JSONWriter.document { write(to: &$0, file: file) }
    }

    /// Writes the report object, with the name of the file, or of the matrix where it is one of several.
    func write(to json: inout JSONWriter, file: String? = nil, name: String? = nil) {
        json.object { json in
            if let file { json.member("file", file) }
            if let name { json.member("name", name) }
            json.member("rows", report.rows)
            json.member("width", report.width)
            json.member("dtype", report.elementType)
            json.member("order", report.order)
            json.key("row_norm")
            json.object { json in
                json.member("min", report.smallestNorm)
                json.member("max", report.largestNorm)
                json.member("mean", report.meanNorm)
            }
            json.member("repeated_rows", report.repeatedRows)
            json.member("zero_rows", report.zeroRows)
            json.member("warnings", report.warnings)
        }
    }

    /// Name and value of each line, warnings last.
    public var lines: [(String, String)] {
        [
            ("rows", String(report.rows)), ("width", String(report.width)), ("dtype", report.elementType),
            ("order", report.order),
            ("row norm", "min \(report.smallestNorm), mean \(report.meanNorm), max \(report.largestNorm)"),
            ("repeated rows", String(report.repeatedRows)), ("zero rows", String(report.zeroRows)),
        ] + report.warnings.map { ("warning", $0) }
    }
}
