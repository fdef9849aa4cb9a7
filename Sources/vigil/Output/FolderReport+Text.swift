import JSON
import Platform
import SQLiteStore

extension FolderReport {
    /// A line a fact.
    var text: [UInt8] {
        var lines = [
            isWhole
                ? "\(folder) is whole"
                : isRefused
                    ? "\(folder) is damaged: no server begins with it, and vigil state recover copies what can be had"
                    : "\(folder) has damaged jobs: a server begins with it, and tells of each of them"
        ]
        if !jobs.isEmpty {
            lines.append(
                "jobs: " + jobs.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))
        }
        if jobs["running"] ?? 0 > 0 {
            lines.append("what was running will run again at the next start")
        }
        lines += notes.map { "note: \($0)" }
        lines += damages.map { "\($0.path): \($0.reason)" + ($0.job.map { " (job \($0))" } ?? "") }
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// An object of the same.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("folder", folder)
                json.member("whole", isWhole)
                json.member("refused", isRefused)
                json.key("jobs")
                json.object { json in
                    for (status, count) in jobs.sorted(by: { $0.key < $1.key }) { json.member(status, count) }
                }
                json.key("notes")
                json.array(notes) { $0.string($1) }
                json.key("damages")
                json.array(damages) { json, damage in
                    json.object { json in
                        json.member("path", damage.path)
                        json.member("reason", damage.reason)
                        if let job = damage.job { json.member("job", job) }
                    }
                }
            }
        }
    }
}

extension FolderRecovery {
    /// A line a fact.
    var text: [UInt8] {
        var lines = ["\(recovered) jobs were copied from \(folder) to \(output)"]
        lines += notes.map { "note: \($0)" }
        lines += losses.map { "lost: \($0)" }
        if isWhole { lines.append("nothing was lost") }
        lines.append("a server begins with them by: vigil serve --state \(Self.quotedForShell(output))")
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// A path as a shell takes it for one word.
    private static func quotedForShell(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { ASCII.isAlphanumeric($0) || "/._-+,:@%".utf8.contains($0) }
        return isPlain ? path : "'" + path.pieces(between: UInt8(ascii: "'")).joined(separator: "'\\''") + "'"
    }

    /// An object of the same.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("folder", folder)
                json.member("output", output)
                json.member("whole", isWhole)
                json.member("jobs", recovered)
                json.key("notes")
                json.array(notes) { $0.string($1) }
                json.key("losses")
                json.array(losses) { $0.string($1) }
            }
        }
    }
}
