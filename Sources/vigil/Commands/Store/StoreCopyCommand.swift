import API
import ArgumentParser
import JSON
import Jobs
import Platform
import PostgresStore
import SQLiteStore
import Scoring

/// `vigil store copy`.
struct StoreCopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "copy",
        abstract: "Take the jobs of a state folder, queued and ended, to a database that servers share.",
        discussion: """
            The folder's server has to have ended; those of the database may be at work. Jobs keep their IDs, results, keys, callbacks and \
            remarks, and take along the videos that they wait with; models are not taken. Each job is taken once: where the command is ended it goes on from there when it is called again, and \
            what was written is read back before it is committed. From its beginning no server begins with the folder, in which nothing else \
            is changed. Exit codes: 0 all is there, 65 the folder is damaged, 66 no such folder, 78 the folder or the database can't be used.
            """)

    @Option(help: "The state folder.")
    var from: String
    @Option(help: "The database, postgres://USER@HOST/DATABASE.")
    var to: String
    @Flag(help: "Write JSON.")
    var json = false

    func run() async throws {
        guard from.utf8.contains(where: { !ASCII.isBlank($0) }) else {
            throw Failure(.usage, "--from: found an empty text, expected the path of a folder")
        }
        let place = try StoreCommand.place(to, "--to", isOption: true)
        let copied: Copied
        do {
            copied = try await Self.copy(from, to: place)
        } catch let error as StateError {
            if case .damaged = error { throw Failure(.badData, error.description) }
            throw Failure(error)
        } catch let error as JobStoreError { throw StoreCommand.failure(error, place) }
        try Terminal.print(json ? copied.json : copied.text, asJSON: json)
    }

    /// What was done.
    private struct Copied {
        let from: String
        let to: String
        /// How many jobs were taken by this call, and how many by those before.
        var jobs = 0
        var before = 0
        /// How many were there already, by another way.
        var known = 0
        /// How many videos went along.
        var videos = 0
        var waiting: [(model: ModelID, jobs: Int)] = []

        var text: [UInt8] {
            var lines = ["\(jobs) \(jobs == 1 ? "job was" : "jobs were") copied from \(from) to \(to)"]
            if before > 0 { lines.append("\(before) had been copied before") }
            if videos > 0 { lines.append("\(videos) \(videos == 1 ? "video" : "videos") that wait went along") }
            if known > 0 { lines.append("note: \(known) were there already, and are left as they are") }
            for (model, jobs) in waiting {
                let digest = model.sha256.map { " (\($0.prefix(12)))" } ?? ""
                lines.append("\(jobs) wait for the model \(model.name)\(digest): a server has to have it")
            }
            lines.append("servers do them by: vigil serve --state and that address; none begins with \(from) any more")
            return Array(lines.joined(separator: "\n").utf8)
        }

        var json: [UInt8] {
            JSONWriter.document { json in
                json.object { json in
                    json.member("from", from)
                    json.member("to", to)
                    json.member("copied", jobs)
                    json.member("copied_before", before)
                    json.member("known", known)
                    json.member("videos", videos)
                    json.key("waiting")
                    json.array(waiting) { json, waiting in
                        json.object { json in
                            json.member("model", waiting.model.name)
                            json.member("model_sha256", waiting.model.sha256)
                            json.member("jobs", waiting.jobs)
                        }
                    }
                }
            }
        }
    }

    private static func copy(_ folder: String, to place: ConnectionPlace) async throws -> Copied {
        let jobs = try FolderJobs(of: folder)
        let target = try await MoveTarget(place, version: Vigil.version)
        defer { target.close() }
        let note = try MoveNote(in: folder) ?? MoveNote(to: place.description)
        guard note.place.hasBytes(of: place.description) else {
            throw Failure(.configuration, "\(folder) is being copied to \(note.place): expected that --to")
        }
        // From here on the database's servers have its jobs, and nobody else.
        try note.write(in: folder)
        var progress = try await target.begin(note.source, folder: folder)
        var copied = Copied(
            from: folder, to: place.description, before: progress.jobs, waiting: jobs.summary.openModels)
        guard !progress.isDone else { return copied }
        var last = progress.last
        let videos = VideoMove(from: jobs.videosPath, to: target)
        while case let next = try jobs.next(after: last), !next.isEmpty {
            for run in VideoMove.runs(next) {
                let moved = try await videos.moved(run)
                let new = try await target.take(moved, after: last, of: note.source)
                if new == 0 { await videos.discard(moved) }
                copied.jobs += new
                copied.known += run.count - new
                last = run.last?.job.id
            }
        }
        copied.videos = videos.count
        try await target.finish(note.source, after: last, usage: try jobs.usage())
        progress = try await target.begin(note.source, folder: folder)
        guard progress.isDone, progress.jobs == copied.before + copied.jobs else {
            throw Failure(.internal, "what was copied is not what the database counts: \(progress.jobs) jobs")
        }
        try note.done.write(in: folder)
        return copied
    }
}
