import ArgumentParser
import Audit
import JSON
import Platform

/// `vigil audit`.
struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Look after audit logs.", subcommands: [AuditVerifyCommand.self])
}

/// `vigil audit verify`.
struct AuditVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Tell whether an audit log is as it was written.",
        discussion: """
            Files that follow each other are named in their order, the oldest first. A cut at the end is known by FILE.head \
            beside the last one, or by --expect-last. How many lines could not be written is told, and no fault: it is what \
            the log says. Exit codes: 0 whole, 65 not, with the first line that is wrong, 66 no such file.
            """)

    @Argument(help: "The log's files, the oldest first.")
    var files: [String]
    @Option(
        help: "The SHA-256 of the line that the first one follows, where the log's beginning is not among the files.")
    var after: String?
    @Option(help: "The SHA-256 that the last line must have, noted elsewhere.")
    var expectLast: String?
    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        for (name, digest) in [("--after", after), ("--expect-last", expectLast)] {
            guard let digest, !AuditCheck.isDigest(digest) else { continue }
            throw Failure(.usage, "\(name): found '\(digest.prefix(80))', expected 64 hexadecimal digits in lower case")
        }
        let report: AuditCheck.Report
        do throws(AuditCheckError) {
            report = try AuditCheck(after: after, expectedLast: expectLast).run(files)
        } catch {
            switch error {
            case .unreadable(let error): throw error
            case .fault(let fault):
                if json { try Terminal.print(fault.json) }
                throw Failure(.badData, fault.description)
            }
        }
        try Terminal.print(json ? report.json : report.text(expectLast))
    }
}

extension AuditCheck.Report {
    /// A line a fact.
    fileprivate func text(_ expected: String?) -> [UInt8] {
        var lines = ["whole: \(counted(lines, "line")), from \(first ?? "-") to \(last ?? "-")"]
        lines.append("last: number \(place.number), SHA-256 \(place.digest)")
        if isBeingWritten { lines.append("a server is writing a further line, which is left out") }
        if missing > 0 {
            lines.append(
                "missing: \(counted(missing, "line")) that could not be written when it was to be, as the log says itself"
            )
        }
        if let first = unwitnessed.first {
            lines.append(
                "nothing vouched for the lines before number \(first) when a server went on with them: its FILE.head was not "
                    + "there or could not be read")
        }
        if witness != place, expected == nil {
            lines.append(
                "nothing vouches for what is behind "
                    + (witness.map { "number \($0.number)" } ?? "it, nor for the last line itself")
                    + ": --expect-last takes a SHA-256 that was noted elsewhere")
        }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// An object of the same.
    fileprivate var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("whole", true)
                json.member("lines", lines)
                json.member("first", first)
                json.member("last", last)
                json.member("number", place.number)
                json.member("sha256", place.digest)
                json.member("witnessed", witness?.number)
                json.member("being_written", isBeingWritten)
                json.member("missing", missing)
                json.key("unwitnessed")
                json.array(unwitnessed) { $0.number($1) }
            }
        }
    }
}

extension AuditCheck.Fault {
    fileprivate var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("whole", false)
                json.member("file", path)
                json.member("line", line)
                json.member("reason", reason)
            }
        }
    }
}
