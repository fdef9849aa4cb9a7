import ArgumentParser
import JSON
import Platform
import SQLiteStore

/// `vigil state`.
struct StateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "state", abstract: "Look after state folders: check, back up, list and recover them.",
        subcommands: [
            StateCheckCommand.self, StateBackupCommand.self, StateListCommand.self, StateRecoverCommand.self,
        ])

    /// The folder that was named, or the one that `vigil serve` would take where none is, with that config file.
    static func folder(_ named: String?, config: String?) throws(Failure) -> String {
        if let named {
            guard named.utf8.contains(where: { !ASCII.isBlank($0) }) else {
                throw Failure(.usage, "--state: found an empty text, expected the path of a folder")
            }
            try check(folder: named, "--state")
            return named
        }
        switch try StatePlace.kept(config: config) {
        case .named(let folder, let variable):
            try check(folder: folder, variable)
            return folder
        case .found(let folders, let base, let own):
            guard let first = folders.first else {
                throw Failure(.noInput, "there is no state folder in \(base): name one by --state")
            }
            if let own {
                guard StateFolder.hasAny(in: own.folder) else {
                    throw Failure(
                        .noInput,
                        "there is no state folder \(own.folder), which a server on \(own.place) has: name one by --state, of "
                            + folders.joined(separator: ", "))
                }
                return own.folder
            }
            guard folders.count == 1 else {
                throw Failure(
                    .usage,
                    "there are several state folders, of servers on different ports: name one by --state: "
                        + folders.joined(separator: ", "))
            }
            return first
        }
    }

    /// Throws for what `vigil serve` takes in a folder's place.
    private static func check(folder: String, _ place: String) throws(Failure) {
        if let url = Setting.url(in: folder) {
            throw Failure(.usage, "\(place): found \(url), expected the path of a folder")
        }
        guard folder == "memory" else { return }
        throw Failure(
            .usage,
            "\(place) memory: jobs in memory end with their server and have no folder; expected one's path "
                + "(./memory, if it is called so)")
    }
}

/// `vigil state check`.
struct StateCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Tell whether a state folder has all that was accepted.",
        discussion:
            "Nothing in it is changed. Exit codes: 0 whole, 65 damaged, 66 no such folder, 78 in use or not to be read."
    )

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
        let report: FolderReport
        do throws(StateError) { report = try FolderReport(of: folder) } catch {
            throw Failure(error)
        }
        try Terminal.print(json ? report.json : report.text, asJSON: json)
        if !report.isWhole { throw ExitCode(Failure.Code.badData.rawValue) }
    }
}

/// `vigil state recover`.
struct StateRecoverCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover", abstract: "Copy what can be had of a damaged state folder into a new one.",
        discussion: """
            The damaged folder is not changed. What was lost is told by number, and by job where that is known; where \
            jobs.sqlite is gone there is what its log has. Exit codes: 0 nothing was lost, 65 something was or may be, \
            66 no such folder, 78 the folders can't be used.
            """)

    @Option(
        help:
            "The damaged state folder. (default: VIGIL_STATE, STATE_DIRECTORY, that of --config, or the only one of the user's)"
    )
    var state: String?
    @Option(help: "The config file of vigil serve, which may name the damaged folder. (default: VIGIL_CONFIG)")
    var config: String?
    @Option(help: "The new folder, which must not be there or be empty.")
    var output: String
    @Flag(help: "Write JSON.")
    var json = false

    func run() throws {
        let folder = try StateCommand.folder(state, config: config)
        // Jobs are their owner's alone, in whatever folder they are put.
        umask(0o077)
        let recovery: FolderRecovery
        do throws(StateError) { recovery = try FolderRecovery(of: folder, into: output) } catch {
            throw Failure(error)
        }
        try Terminal.print(json ? recovery.json : recovery.text, asJSON: json)
        if !recovery.isWhole { throw ExitCode(Failure.Code.badData.rawValue) }
    }
}

extension Failure {
    /// A folder that is to be read and is not there is no input; what else is wrong is a place that can't be used.
    init(_ error: StateError) {
        switch error {
        case .absent: self.init(.noInput, error.description)
        case .inUse, .beingRead, .unusable, .damaged, .newer: self.init(.configuration, error.description)
        }
    }
}

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
                "jobs: " + JobsByStatus(jobs).text)
        }
        if jobs["running"] ?? 0 > 0 {
            lines.append("what was running will run again at the next start")
        }
        lines += notes.map { "note: \($0)" }
        lines += told.map(\.text)
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// An object of the same.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("folder", folder)
                json.member("whole", isWhole)
                json.member("refused", isRefused)
                JobsByStatus(jobs).write(to: &json)
                json.member("notes", notes)
                json.member(told)
            }
        }
    }

    private var told: [ToldDamage] {
        damages.map { ToldDamage(path: $0.path, reason: $0.reason, job: $0.job) }
    }
}

/// How many jobs of each status a folder has, by the statuses' names.
struct JobsByStatus {
    private let counts: [(status: String, jobs: Int)]

    init(_ jobs: [String: Int]) { counts = jobs.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }

    /// `3 done, 1 queued`; empty where there are none.
    var text: String { counts.map { "\($0.jobs) \($0.status)" }.joined(separator: ", ") }

    func write(to json: inout JSONWriter) {
        json.key("jobs")
        json.object { json in for (status, jobs) in counts { json.member(status, jobs) } }
    }
}

extension FolderRecovery {
    /// A line a fact.
    var text: [UInt8] {
        var found = notes.map { "note: \($0)" } + losses.map { "lost: \($0)" }
        if isWhole { found.append("nothing was lost") }
        return StateCommand.text(copying: recovered, from: folder + " to " + output, found, to: output)
    }
}

extension StateCommand {
    /// What is told of jobs that were copied: how many, what else was found, and how a server begins with them.
    static func text(copying jobs: Int, from places: String, _ found: [String], to output: String) -> [UInt8] {
        let lines =
            ["\(jobs) \(jobs == 1 ? "job was" : "jobs were") copied from \(places)"] + found
            + ["a server begins with them by: vigil serve --state \(quotedForShell(output))"]
        return Array(lines.joined(separator: "\n").utf8)
    }

    /// A path as a shell takes it for one word.
    private static func quotedForShell(_ path: String) -> String {
        let isPlain = path.utf8.allSatisfy { ASCII.isAlphanumeric($0) || "/._-+,:@%".utf8.contains($0) }
        return isPlain ? path : "'" + path.pieces(between: UInt8(ascii: "'")).joined(separator: "'\\''") + "'"
    }
}

extension FolderRecovery {
    /// An object of the same.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("folder", folder)
                json.member("output", output)
                json.member("whole", isWhole)
                json.member("jobs", recovered)
                json.member("notes", notes)
                json.member("losses", losses)
            }
        }
    }
}
