import ArgumentParser
import Jobs
import Logging
import SQLiteStore

/// Where `vigil serve` keeps jobs, for how long, and how many may wait.
struct JobOptions: ParsableArguments {
    @Option(
        help: """
            Folder that jobs are kept in, which one server has for itself; memory for none. \
            (default: vigil/port-PORT in the user's state folder)
            """)
    var state: String?
    @Option(help: "full: what was accepted outlasts a loss of power; normal: the end of the process. (default: full)")
    var durability: String?
    @Option(help: "How often a job is begun whose process ended while it ran. (default: 3)")
    var attempts: Int?
    @Option(help: "Jobs that may wait; more are refused with 429. (default: 1000)")
    var maxQueued: Int?
    @Option(help: "MiB that waiting uploads may take together. (default: 512)")
    var maxQueuedMemory: Int?
    @Option(
        help: "Jobs of one client that may wait. (default: seven eighths of all, for this machine's own clients all)")
    var maxQueuedPerClient: Int?
    @Option(help: "MiB that the waiting uploads of one client may take together. (default: likewise)")
    var maxQueuedMemoryPerClient: Int?
    @Option(help: "Seconds that results are kept. (default: 86400; in memory 3600)")
    var resultTTL: Int?
    @Option(help: "Seconds that an upload is kept after its job has ended. (default: 0)")
    var uploadTTL: Int?
    @Option(help: "MiB that kept results may take in memory; on disk they may take all but a rest. (default: 256)")
    var maxResults: Int?
    @Flag(help: "Answer a job that was scored before, with the same features, options and model, by its result.")
    var reuseResults = false
    @Option(
        help: """
            What becomes of waiting jobs that were accepted for a model that is not served: wait (for it to be served again), \
            fail. (default: wait)
            """)
    var onMissingModel: String?

    /// Names of the settings that have these options' values elsewhere.
    static let settingNames = [
        "attempts", "durability", "max-queued", "max-queued-memory", "max-queued-memory-per-client",
        "max-queued-per-client", "max-results", "on-missing-model", "result-ttl", "reuse-results", "state",
        "upload-ttl",
    ]

    /// A queue before the store that was chosen, and how that is closed.
    ///
    /// - Parameter listening: what the server's addresses are called, after which its own folder is named
    func backlog(
        _ settings: Settings, listening: StatePlace.Name, _ logger: Logger
    ) throws -> (backlog: Backlog, close: @Sendable () -> Void) {
        let limits = try limits(settings)
        let attempts = try settings.integer("attempts", attempts, default: 3, in: 1...1_000)
        guard let place = try StatePlace(settings, state, listening) else {
            var memory = MemoryJobStore.Settings()
            memory.resultTTL = try seconds("result-ttl", resultTTL, default: 3_600, settings)
            memory.resultBudgetBytes =
                try settings.integer("max-results", maxResults, default: 256, in: 1...1 << 20) << 20
            memory.attempts = attempts
            return (Backlog(store: MemoryJobStore(settings: memory), limits: limits, logger: logger), {})
        }
        var disk = SQLiteJobStore.Settings()
        disk.resultTTL = try seconds("result-ttl", resultTTL, default: 86_400, settings)
        disk.uploadTTL = try seconds("upload-ttl", uploadTTL, default: 0, from: 0, settings)
        disk.attempts = attempts
        disk.durability = try durability(settings)
        do throws(StateError) {
            let store = try SQLiteJobStore(folder: place.take(logger), settings: disk, logger: logger)
            place.warnOfOthers(than: store.folderPath, logger)
            return (Backlog(store: store, limits: limits, logger: logger), { store.close() })
        } catch {
            throw Failure(.configuration, error.description)
        }
    }

    /// Whether results answer for equal jobs.
    func reusesResults(_ settings: Settings) throws -> Bool { try settings.flag("reuse-results", reuseResults) }

    /// What becomes of jobs whose model is not served.
    func missingModel(_ settings: Settings) throws -> MissingModel {
        let name = try settings.string("on-missing-model", onMissingModel) ?? MissingModel.wait.rawValue
        guard let found = MissingModel(rawValue: name) else {
            throw Failure(
                onMissingModel == nil ? .configuration : .usage,
                "--on-missing-model '\(name.prefix(40))': expected wait or fail")
        }
        return found
    }

    private func limits(_ settings: Settings) throws -> Backlog.Limits {
        var limits = Backlog.Limits(
            maxJobs: try settings.integer("max-queued", maxQueued, default: 1_000, in: 1...10_000_000),
            maxBytes: try settings.integer("max-queued-memory", maxQueuedMemory, default: 512, in: 1...1 << 20) << 20)
        let jobs = try settings.integer(
            "max-queued-per-client", maxQueuedPerClient, default: 0, in: 0...10_000_000)
        let mebibytes = try settings.integer(
            "max-queued-memory-per-client", maxQueuedMemoryPerClient, default: 0, in: 0...1 << 20)
        limits.maxJobsPerClient = jobs > 0 ? jobs : limits.maxJobs - limits.maxJobs / 8
        limits.maxBytesPerClient = mebibytes > 0 ? mebibytes << 20 : limits.maxBytes - limits.maxBytes / 8
        if jobs == 0, mebibytes == 0 { limits.spares = Self.isThisMachine }
        return limits
    }

    /// Whether a client is on this machine, as far as its address tells.
    @Sendable private static func isThisMachine(_ client: String) -> Bool {
        client.hasPrefix("127.") || client == "::/64" || client == "unix"
    }

    private func durability(_ settings: Settings) throws -> SQLiteJobStore.Settings.Durability {
        let name = try settings.string("durability", durability) ?? "full"
        guard let found = SQLiteJobStore.Settings.Durability(rawValue: name) else {
            throw Failure(
                durability == nil ? .configuration : .usage,
                "--durability '\(name.prefix(40))': expected full or normal")
        }
        return found
    }

    private func seconds(
        _ name: String, _ flag: Int?, default value: Int, from least: Int = 1, _ settings: Settings
    ) throws -> Duration {
        .seconds(try settings.integer(name, flag, default: value, in: least...31_536_000))
    }
}
