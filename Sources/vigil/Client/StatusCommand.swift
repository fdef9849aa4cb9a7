import ArgumentParser
import JSON
import Platform

/// `vigil status`.
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Tell how jobs of a server are.",
        discussion: "A table, with the newest jobs first where none is named; with --json an object a line.")

    @OptionGroup var names: JobNames
    @Option(help: "How many of the newest jobs, 1 to 1000, where none is named.")
    var limit = 10
    @Flag(help: "Write JSON: a job a line.")
    var json = false
    @OptionGroup(title: "Client") var client: SettingGroup<SubmitSettings.Client>
    @OptionGroup var trust: ServerTrust

    func run() throws {
        guard (1...1_000).contains(limit) else { throw Failure(.usage, "--limit \(limit): expected 1 to 1000") }
        let (stop, sources) = StopFlag.on(SIGINT, SIGTERM)
        defer { for source in sources { source.cancel() } }
        let remote = Remote(try ServerChoice(client, trust), stop: stop)
        let jobs =
            names.ids.isEmpty ? try JobNames.newest(limit, by: remote) : try names.found(by: remote).flatMap(\.jobs)
        if json {
            for job in jobs { try Terminal.print(Self.json(job), asJSON: true) }
        } else {
            try Terminal.print(Array(Self.table(jobs).utf8))
        }
    }

    /// A job in one line of JSON.
    static func json(_ job: JobReply) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("id", job.id)
                json.member("status", job.status.rawValue)
                json.member("name", job.name)
                json.member("model", job.model)
                json.member("created_at", job.createdAt)
                json.member("queue_position", job.queuePosition)
                json.member("estimated_seconds", job.estimatedSeconds)
                json.member("chunks_done", job.chunksDone)
                json.member("chunks", job.chunks)
                json.member("warnings", job.warnings)
                json.member("reason", job.isEnded && job.status != .succeeded ? job.reason : nil)
            }
        }
    }

    /// A line a job, its columns as wide as they need to be.
    static func table(_ jobs: [JobReply]) -> String {
        var rows = [["ID", "STATUS", "PROGRESS", "MODEL", "CREATED", "NAME"]]
        for job in jobs {
            rows.append([
                job.id, job.status.rawValue, progress(job), short(job.model), short(job.createdAt), short(job.name),
            ])
        }
        let widths = rows[0].indices.map { column in rows.map { $0[column].unicodeScalars.count }.max() ?? 0 }
        let lines = rows.map { row in
            zip(row, widths).map { text, width in
                text + String(repeating: " ", count: width - text.unicodeScalars.count)
            }.joined(separator: "  ").trimmed { $0 == ASCII.space }
        }
        return lines.joined(separator: "\n")
    }

    private static func short(_ text: String?) -> String {
        let line = Terminal.line(text ?? "-")
        return line.unicodeScalars.count > 60
            ? String(String.UnicodeScalarView(line.unicodeScalars.prefix(59))) + "…" : line
    }

    /// How far a job is.
    private static func progress(_ job: JobReply) -> String {
        switch job.status {
        case .queued:
            let place = job.queuePosition.map { "place \($0)" } ?? "waits"
            return place + (job.estimatedSeconds.map { ", \(TimeText.of($0))" } ?? "")
        case .running: return "\(job.chunksDone)/\(job.chunks.map { "\($0)" } ?? "?") chunks"
        case .succeeded: return "done"
        case .failed, .cancelled: return short(job.reason)
        }
    }
}
