import Datasets
import JSON

/// What `vigil eval --check` tells: what there is, and what is wrong with it.
struct EvalCheckReport {
    /// Files that could be read.
    struct Files {
        /// What they hold: feature or logits.
        let kind: String
        let folder: String
        let count: Int
        let snippets: Int
    }

    let list: String
    var summary: ListSummary?
    var intervals: Int?
    var files: Files?
    var findings: [Finding] = []

    /// Places of one fault that are told to a person.
    private static let mostCases = 20

    /// What `read` reads; what is wrong with it becomes a finding.
    mutating func take<Value>(_ read: () throws(DatasetError) -> Value) -> Value? {
        do throws(DatasetError) { return try read() } catch {
            findings.append(Finding(error))
            return nil
        }
    }

    /// Lines for a person.
    var text: String {
        var lines: [String] = []
        if let summary { lines.append("\(list): \(summary.text)") }
        if let intervals { lines.append("\(intervals) annotated interval\(intervals == 1 ? "" : "s")") }
        if let files {
            lines.append("\(files.count) \(files.kind) files with \(files.snippets) snippets in \(files.folder)")
        }
        for finding in findings {
            let sort = finding.error == nil ? "note" : "error"
            lines += finding.cases.prefix(Self.mostCases).map { "\(sort): \($0)" }
            if finding.count > Self.mostCases {
                lines.append("\(sort): and \(finding.count - Self.mostCases) more like it (--json lists them)")
            }
        }
        return lines.joined(separator: "\n")
    }

    /// All of it for a program.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("list", list)
                if let summary { write(summary, to: &json) }
                json.member("annotated_intervals", intervals)
                json.member("files", files?.count)
                json.member("snippets", files?.snippets)
                json.key("faults")
                json.array(findings.filter { $0.error != nil }, Self.write)
                json.key("notes")
                json.array(findings.filter { $0.error == nil }, Self.write)
            }
        }
    }

    private func write(_ summary: ListSummary, to json: inout JSONWriter) {
        json.member("videos", summary.videos)
        json.member("rows", summary.rows)
        json.key("crops")
        json.array(summary.crops) { $0.number($1) }
        json.key("videos_by_class")
        json.object { json in for (label, videos) in summary.classes { json.member(label, videos) } }
    }

    private static func write(_ json: inout JSONWriter, _ finding: Finding) {
        json.object { json in
            json.member("told", finding.description)
            json.member("count", finding.count)
            json.member("cases", finding.cases)
        }
    }
}
