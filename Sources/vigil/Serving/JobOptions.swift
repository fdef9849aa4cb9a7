import API
import Jobs
import Logging
import Platform
import PostgresStore
import SQLiteStore
import Scoring
import Tracing

/// Where `vigil serve` keeps jobs, for how long, and how many may wait.
struct JobOptions {
    let settings: Settings
    /// Whose own bounds hold.
    var keys: APIKeyFile?
    /// Records what becomes of jobs.
    var tracer: Tracer?
    /// Where their videos are.
    var shelf = VideoShelf()
    /// What is kept of these.
    var archive = VideoArchive()
    /// Who tells others of them.
    var alerts: AlertDelivery?

    /// A queue before a store.
    struct Opened {
        let backlog: Backlog
        /// Where the jobs are: a folder, a database, or memory.
        let place: String
        /// Whether nobody has kept jobs in the folder before; nil for memory, and for what others have part in.
        var isNew: Bool?
        /// Tells others who have part in the store that this server leaves.
        var leave: @Sendable () async -> Void = {}
        /// Says what was done to the folder, so that not all of it was kept; nil where it is whole.
        let close: @Sendable () -> String?

        /// Counts in the jobs that there are and tells how many: a folder whose name is mistyped is a new one.
        func resume(_ shelf: VideoShelf, _ archive: VideoArchive, _ logger: Logger) async throws {
            try await backlog.resume()
            try await archive.recover(from: backlog)
            try await shelf.recover(from: backlog)
            switch isNew {
            case nil: return
            case true?: logger.notice("the state folder is new: it has no jobs", metadata: ["folder": "\(place)"])
            case false?:
                let counts = try await backlog.counts()
                logger.info(
                    "jobs were found",
                    metadata: [
                        "folder": "\(place)", "queued": .stringConvertible(counts.queued),
                        "succeeded": .stringConvertible(counts.succeeded),
                        "failed": .stringConvertible(counts.failed), "cancelled": .stringConvertible(counts.cancelled),
                    ])
            }
        }
    }

    /// A queue before the store that was chosen.
    ///
    /// - Parameters:
    ///   - listening: what the server's addresses are called, after which its own folder is named
    ///   - shares: the memory of each part
    ///   - telemetry: counts what happens to the jobs
    func open(
        listening: StatePlace.Name, within shares: MemoryShares, _ telemetry: JobTelemetry, _ logger: Logger
    ) async throws -> Opened {
        let limits = try limits(within: shares, logger)
        let others: [(any JobObserver)?] = [tracer.map { JobSpans($0) }, alerts]
        let observer = JobObservers([telemetry, shelf, archive] + others.compactMap(\.self))
        let attempts = try settings.integer("attempts")
        if let place = try settings.text("state").flatMap({ ConnectionPlace($0) }) {
            return try await open(place, listening, limits, observer, telemetry, logger)
        }
        let features = try settings.mebibytes("max-features")
        guard let place = try StatePlace(settings, listening) else {
            var memory = MemoryJobStore.Settings()
            memory.resultTTL = .seconds(try settings.integer(ifSet: "result-ttl") ?? 3_600)
            memory.resultBudgetBytes = try shares.bytes(
                of: "max-results", atMost: shares.results, settings, logger)
            memory.attempts = attempts
            memory.serialKinds = ScoringService.serialKinds
            shelf.open(folder: nil, scratch: ScratchPlace.path)
            archive.open(folder: nil, scratch: ScratchPlace.path, limit: features)
            let store = MemoryJobStore(settings: memory)
            let backlog = Backlog(store: store, limits: limits, observer: observer, logger: logger)
            return Opened(backlog: backlog, place: "memory") { nil }
        }
        var disk = SQLiteJobStore.Settings()
        disk.resultTTL = .seconds(try settings.integer(ifSet: "result-ttl") ?? 86_400)
        disk.uploadTTL = try settings.seconds("upload-ttl")
        disk.attempts = attempts
        disk.serialKinds = ScoringService.serialKinds
        disk.durability = try settings.text("durability").flatMap { .init(rawValue: $0) } ?? .full
        disk.believesClock = try settings.isOn("believe-clock")
        disk.committed = { telemetry.committed($0, steps: $1) }
        do throws(StateError) {
            let folder = try place.take(logger)
            let isNew = folder.isNew
            let store = try SQLiteJobStore(folder: folder, settings: disk, logger: logger)
            place.warnOfOthers(than: store.folderPath, logger)
            shelf.open(folder: store.videosPath, scratch: ScratchPlace.path)
            archive.open(folder: store.videosPath, scratch: ScratchPlace.path, limit: features)
            let backlog = Backlog(store: store, limits: limits, observer: observer, logger: logger)
            return Opened(backlog: backlog, place: store.folderPath, isNew: isNew) { store.close() }
        } catch {
            throw place.failure(error)
        }
    }

    /// A queue before a database that other servers share.
    private func open(
        _ place: ConnectionPlace, _ listening: StatePlace.Name, _ limits: Backlog.Limits, _ observer: JobObservers,
        _ telemetry: JobTelemetry,
        _ logger: Logger
    ) async throws -> Opened {
        if place.hasPassword, case .option = settings.place(of: "state") {
            throw Failure(
                .usage,
                "--state: found a password, which all who see the machine's processes would see; expected it in "
                    + "VIGIL_STATE, in PGPASSWORD, or in the file that PGPASSFILE names")
        }
        var shared = PostgresJobStore.Settings()
        shared.resultTTL = .seconds(try settings.integer(ifSet: "result-ttl") ?? 86_400)
        shared.uploadTTL = try settings.seconds("upload-ttl")
        shared.attempts = try settings.integer("attempts")
        shared.serialKinds = ScoringService.serialKinds
        shared.lease = try settings.seconds("lease")
        shared.connections = try settings.integer("store-connections")
        shared.requiresSynchronous = try settings.isOn("require-synchronous")
        shared.server = ServerName.text(listening)
        shared.version = Vigil.version
        shared.committed = { telemetry.committed($0, steps: $1) }
        shared.madeBytes = try settings.mebibytes("max-features")
        let features = shared.madeBytes
        do throws(JobStoreError) {
            let store = try await PostgresJobStore.open(place, settings: shared, logger: logger)
            shelf.open(folder: nil, scratch: ScratchPlace.path, sharing: store)
            archive.open(folder: nil, scratch: ScratchPlace.path, limit: features, sharing: store)
            let backlog = Backlog(store: store, limits: limits, observer: observer, logger: logger)
            return Opened(
                backlog: backlog, place: place.description, leave: { await store.close() }, close: { nil })
        } catch {
            throw Failure(.configuration, "\(error.description) (--state \(place.description))")
        }
    }

    private func limits(within memory: MemoryShares, _ logger: Logger) throws -> Backlog.Limits {
        var limits = Backlog.Limits(
            maxJobs: try settings.integer("max-queued"),
            maxBytes: try memory.bytes(of: "max-queued-memory", atMost: memory.uploads, settings, logger))
        let jobs = try settings.integer(ifSet: "max-queued-per-client") ?? 0
        let mebibytes = try settings.integer(ifSet: "max-queued-memory-per-client") ?? 0
        limits.maxJobsPerClient = jobs > 0 ? jobs : limits.maxJobs - limits.maxJobs / 8
        limits.maxBytesPerClient = mebibytes > 0 ? mebibytes << 20 : limits.maxBytes - limits.maxBytes / 8
        if jobs == 0, mebibytes == 0 { limits.spares = Self.isThisMachine }
        if let keys {
            limits.ownMaxJobs = { client in
                guard client.begins(with: "key ") else { return nil }
                return keys.current[String(Substring(client.utf8.dropFirst(4)))]?.maxQueued
            }
        }
        return limits
    }

    /// Whether a client is on this machine, as far as its address tells.
    @Sendable private static func isThisMachine(_ client: String) -> Bool {
        client.begins(with: "127.") || client == "::/64" || client == "unix"
    }
}

/// What a server is called among those that share a database: its machine, with the port where that is known.
enum ServerName {
    static func text(_ listening: StatePlace.Name) -> String {
        var bytes = [CChar](repeating: 0, count: 256)
        let isKnown = gethostname(&bytes, bytes.count - 1) == 0
        let host =
            isKnown ? String(decoding: bytes.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : ""
        return "\(host.isEmpty ? "vigil" : host) \(listening.place)"
    }
}

/// Where files without names are, which go with the process.
enum ScratchPlace {
    static var path: String {
        let named = getenv("TMPDIR").map { String(cString: $0) } ?? ""
        return named.isEmpty ? "/var/tmp" : named
    }
}
