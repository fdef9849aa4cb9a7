import ArgumentParser
import JSON
import Platform
import SQLiteStore

/// `vigil state backup`.
struct StateBackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Copy a state folder, also while its server works on it.",
        discussion: """
            The copy is the folder as it was at one moment: every job that was accepted before is in it, and \
            vigil serve --state DIR begins with it. Large inputs and results are further names of the same files \
            where DIR is on the same file system, so copy DIR to another disk. It is looked through before it is told of. Made \
            by root it is of the user and the group whose the folder is. \
            Exit codes: 0 done, 65 something is damaged, 66 no such folder, 78 the folders can't be used.
            """)

    @Argument(help: "The folder of the copy, which must not be there or be empty.")
    var directory: String
    @Option(
        help:
            "The state folder. (default: VIGIL_STATE, STATE_DIRECTORY, that of --config, or the only one of the user's)"
    )
    var state: String?
    @Option(help: "The config file of vigil serve, which may name the folder. (default: VIGIL_CONFIG)")
    var config: String?
    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        let folder = try StateCommand.folder(state, config: config)
        // Jobs are their owner's alone, in whatever folder they are put.
        umask(0o077)
        let backup: FolderBackup
        do throws(StateError) { backup = try FolderBackup(of: folder, into: directory) } catch {
            if case .damaged = error { throw Failure(.badData, error.description) }
            throw Failure(error)
        }
        try Terminal.print(json ? backup.json : backup.text)
        if !backup.isWhole { throw ExitCode(Failure.Code.badData.rawValue) }
    }
}

/// `vigil state list`.
struct StateListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Tell of state folders and backups: whose they are, and what jobs they have.",
        discussion: """
            Without DIR those of the user. Of a DIR that is none itself all folders in it are told of, as of one with \
            backups. Nothing in them is changed. Exit codes: 0 done, 66 there is none.
            """)

    @Argument(help: "A state folder, or a folder of them. (default: VIGIL_STATE, STATE_DIRECTORY, or the user's)")
    var directory: String?
    @Option(help: "The config file of vigil serve, which may name the folder. (default: VIGIL_CONFIG)")
    var config: String?
    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        let (folders, place) = try folders()
        let found = folders.compactMap { try? FolderSummary(of: $0) }
        guard !found.isEmpty else { throw Failure(.noInput, "there is no state folder in \(place)") }
        try Terminal.print(
            json
                ? JSONWriter.document { json in json.array(found) { $1.write(to: &$0) } }
                : Array(found.map(\.text).joined(separator: "\n").utf8))
    }

    private func folders() throws(Failure) -> (folders: [String], place: String) {
        guard let directory else {
            switch try StatePlace.kept(config: config) {
            case .named(let folder, _): return Self.folders(in: folder)
            case .found(let folders, let base, _): return (folders, base)
            }
        }
        return Self.folders(in: directory)
    }

    private static func folders(in path: String) -> (folders: [String], place: String) {
        (StateFolder.hasAny(in: path) ? [path] : StateFolder.folders(in: path), path)
    }
}

extension FolderBackup {
    /// A line a fact.
    var text: [UInt8] {
        let use = wasInUse ? ", which its server went on with" : ""
        var notes = passing > 0 ? ["note: \(passing) came and went meanwhile, and are not in it"] : []
        if !keepsOwner {
            notes.append(
                "note: it is not of the user whose \(folder) is: chown -R --reference=FOLDER COPY, as root, makes it so"
            )
        }
        notes += damages.map { "damaged: \($0)" }
        return StateCommand.text(copying: jobs, from: folder + " to " + output + use, notes, to: output)
    }

    /// An object of the same.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("folder", folder)
                json.member("output", output)
                json.member("in_use", wasInUse)
                json.member("whole", isWhole)
                json.member("jobs", jobs)
                json.member("passing", passing)
                json.member("bytes", bytes)
                json.member("keeps_owner", keepsOwner)
                json.member("damages", damages)
            }
        }
    }
}

extension FolderSummary {
    /// One line.
    var text: String {
        var facts: [String] = []
        if let backup { facts.append("backup of \(backup.folder), made \(backup.madeAt)") }
        if let server { facts.append(server > 0 ? "in use by pid \(server)" : "in use") }
        if let jobs {
            facts.append(jobs.isEmpty ? "no jobs" : JobsByStatus(jobs).text)
        } else {
            facts.append("can't be read: vigil state check tells more")
        }
        if models > 0 { facts.append("\(models) \(models == 1 ? "model" : "models") kept") }
        facts.append("\(bytes >> 20) MiB")
        return "\(folder): " + facts.joined(separator: "; ")
    }

    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("folder", folder)
            json.member("in_use", server != nil)
            if let server, server > 0 { json.member("pid", server) }
            if let backup {
                json.key("backup")
                json.object { json in
                    json.member("of", backup.folder)
                    json.member("made_at", backup.madeAt.description)
                }
            }
            if let jobs { JobsByStatus(jobs).write(to: &json) }
            json.member("models", models)
            json.member("bytes", bytes)
        }
    }
}
