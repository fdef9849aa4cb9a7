import Dispatch
public import Jobs
import Platform
import Synchronization

/// What is kept of videos after their jobs, which have ended well, for as long as these are known: the features that were made of them.
///
/// The same video of the same owner need not be decoded and encoded again while they are there. Who else may have had it nobody
/// learns: what is kept is found by the owner as well. It is in the folder of videos, `ID.features`, or where jobs are in memory in
/// files without a name. The oldest are given up where they are more than may be kept.
public final class VideoArchive: JobObserver {
    /// What is kept of a job.
    fileprivate struct Kept: Sendable {
        let lookup: ByteText
        let bytes: Int
        /// Nil where it has a name.
        let file: UnnamedVideo?
    }

    fileprivate struct State: Sendable {
        /// Nil where jobs are in memory.
        var folder: String?
        var scratch = "/var/tmp"
        var limit = 0
        /// The way to those that all servers have, in whose store they are then.
        var shared: SharedVideos?
        var kept: [JobID: Kept] = [:]
        /// Its jobs, the oldest first.
        var order: [JobID] = []
        var bytes = 0
        /// The jobs that have the same features.
        var found: [ByteText: [JobID]] = [:]
        /// The job that was looked at last for whether it is still known.
        var last: JobID?
    }

    /// Jobs that are looked at in a round.
    private static let round = 256

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "vigil.archive")

    /// One that is not opened, and keeps nothing.
    public init() {}

    /// Opens it.
    ///
    /// - Parameters:
    ///   - folder: of videos; nil where jobs are in memory
    ///   - scratch: where files without a name are then
    ///   - limit: bytes that may be kept in all
    ///   - files: where all servers have them; nil where they are this server's alone
    public func open(folder: String?, scratch: String, limit: Int, sharing files: (any SharedFiles)? = nil) {
        state.withLock { state in
            (state.folder, state.scratch, state.limit) = (folder, scratch, limit)
            state.shared = files.map { SharedVideos($0, scratch: scratch) }
        }
    }

    private var shared: SharedVideos? { state.withLock(\.shared) }

    private static let ending = ".features"
    private static func name(_ job: JobID) -> String { "\(job)\(ending)" }

    /// The job whose a file of this name is; nil of other files.
    static func job(ofFile name: String) -> JobID? {
        name.ends(with: ending) ? JobID(String(Substring(name.utf8.dropLast(ending.utf8.count)))) : nil
    }

    /// Learns what the process before has kept; what is of no job that is known goes.
    public func recover(from backlog: Backlog) async throws(JobStoreError) {
        guard let folder = state.withLock({ $0.folder }), access(folder, F_OK) == 0 else { return }
        var jobs: [JobID] = []
        FolderNames.each(in: folder) { name, _ in
            if let job = Self.job(ofFile: name) { jobs.append(job) }
            return true
        }
        for job in jobs.sorted() {
            let path = "\(folder)/\(Self.name(job))"
            guard try await isKnown(job, to: backlog), let features = try? KeptFeatures(path: path) else {
                unlink(path)
                continue
            }
            enter(job, features.head.lookup, bytes: features.count, file: nil)
        }
    }

    private func isKnown(_ job: JobID, to backlog: Backlog) async throws(JobStoreError) -> Bool {
        do throws(JobStoreError) {
            // One that has not ended is about to, or begins again.
            return try await backlog.job(job).map { !$0.status.isEnded || $0.status == .succeeded } ?? false
        } catch {
            // One that can't be read is there until it is removed.
            if case .damaged = error { return true }
            throw error
        }
    }

    /// Removes what is kept of jobs that are known no more, some at a time.
    func sweep(_ backlog: Backlog) async {
        let jobs = state.withLock { state -> [JobID] in
            let from = state.last.map { last in state.order.firstIndex { $0 > last } ?? 0 } ?? 0
            let jobs = Array(state.order[from...].prefix(Self.round))
            state.last = jobs.last
            return jobs
        }
        for job in jobs where (try? await isKnown(job, to: backlog)) == false { remove(job) }
    }

    // MARK: What is there

    /// By what features of a video are found: all that they depend on, and whose they are.
    static func lookup(_ key: [UInt8], owner: String?) -> [UInt8] {
        var digest = SHA256()
        for part in [key, owner.map { Array("owner \($0)".utf8) } ?? []] {
            Array("\(part.count):".utf8).withUnsafeBytes { digest.update($0) }
            part.withUnsafeBytes { digest.update($0) }
        }
        return digest.finalize()
    }

    private static func text(_ lookup: [UInt8]) -> ByteText {
        ByteText(lookup.map { String($0, radix: 16) }.joined(separator: " "))
    }

    /// Whether features are there.
    func has(_ lookup: [UInt8]) -> Bool { state.withLock { $0.found[Self.text(lookup)] != nil } }

    /// Whether features are there, wherever that is.
    func isThere(_ lookup: [UInt8]) async -> Bool {
        if let shared { return await shared.has(lookup) }
        return has(lookup)
    }

    /// The features of a job, wherever they are; nil where they are not kept.
    func find(_ job: JobID) async throws(JobStoreError) -> KeptFeatures? {
        if let shared { return try await shared.features(of: job) }
        return await WorkThreads.blocking.run { self.features(of: job) }
    }

    /// The features of a job; nil where they are not kept.
    package func features(of job: JobID) -> KeptFeatures? {
        guard let (path, file) = place(of: job) else { return nil }
        defer { withExtendedLifetime(file) {} }
        return try? KeptFeatures(path: path)
    }

    private func place(of job: JobID) -> (path: String, file: UnnamedVideo?)? {
        state.withLock { state in
            guard let kept = state.kept[job] else { return nil }
            if let file = kept.file { return (file.path, file) }
            return state.folder.map { ("\($0)/\(Self.name(job))", nil) }
        }
    }

    /// Features that are found so, with their numbers; those that can't be read are let go of.
    func load(_ lookup: [UInt8], most: Int) -> (job: JobID, head: KeptFeatures.Head, values: [Float])? {
        if let shared {
            guard let (job, features) = shared.find(lookup), features.head.lookup == lookup,
                features.head.rows * features.head.width <= most, let values = try? features.values()
            else { return nil }
            return (job, features.head, values)
        }
        while let job = state.withLock({ $0.found[Self.text(lookup)]?.last }) {
            guard let features = features(of: job), features.head.lookup == lookup, let values = try? features.values()
            else {
                remove(job)
                continue
            }
            return values.count <= most ? (job, features.head, values) : nil
        }
        return nil
    }

    // MARK: What comes and goes

    /// Keeps a job's features, where there is room for them: without, nothing is wrong but that they can't be had.
    ///
    /// - Parameter other: a job that has the same, whose file is shared
    func keep(_ values: [Float], _ head: KeptFeatures.Head, of job: JobID, as other: JobID?) {
        let (folder, scratch, limit) = state.withLock { ($0.folder, $0.scratch, $0.limit) }
        let bytes = 4 * values.count
        guard bytes <= limit else { return }
        if let shared { return shared.keep(values, head, of: job) }
        guard let folder else {
            let shared = other.flatMap { other in state.withLock { $0.kept[other]?.file } }
            guard let file = shared ?? Self.unnamed(values, head, in: scratch) else { return }
            return enter(job, head.lookup, bytes: bytes, file: file)
        }
        let path = "\(folder)/\(Self.name(job))"
        let part = "\(folder)/.\(Self.name(job))"
        unlink(path)
        if let other, link("\(folder)/\(Self.name(other))", path) == 0 {
            return enter(job, head.lookup, bytes: bytes, file: nil)
        }
        let descriptor = Platform.open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        let isWritten = Self.hasRoom(for: bytes, in: folder) && Self.write(values, head, to: descriptor)
        close(descriptor)
        guard isWritten, rename(part, path) == 0 else {
            unlink(part)
            return
        }
        enter(job, head.lookup, bytes: bytes, file: nil)
    }

    private static func unnamed(_ values: [Float], _ head: KeptFeatures.Head, in scratch: String) -> UnnamedVideo? {
        guard hasRoom(for: 4 * values.count, in: scratch), let descriptor = try? UnnamedFile.make(in: scratch) else {
            return nil
        }
        let file = UnnamedVideo(descriptor)
        return write(values, head, to: descriptor) ? file : nil
    }

    private static func hasRoom(for bytes: Int, in folder: String) -> Bool {
        guard let room = DiskRoom(of: folder) else { return false }
        return bytes <= room.free - VideoShelf.floor(of: room)
    }

    private static func write(_ values: [Float], _ head: KeptFeatures.Head, to descriptor: CInt) -> Bool {
        var writer = ByteWriter(KeptFeatures.beginning(head), reserving: 4 * values.count)
        writer.append(values)
        return VideoShelf.write(writer.bytes, to: descriptor) == nil
    }

    private func enter(_ job: JobID, _ lookup: [UInt8], bytes: Int, file: UnnamedVideo?) {
        let excess = state.withLock { state -> [JobID] in
            state.leave(job)
            let name = Self.text(lookup)
            state.kept[job] = Kept(lookup: name, bytes: bytes, file: file)
            state.order.insert(job, at: state.order.lastIndex { $0 < job }.map { $0 + 1 } ?? 0)
            state.found[name, default: []].append(job)
            state.bytes += bytes
            var left = state.bytes
            return Array(
                state.order.prefix { job in
                    guard left > state.limit else { return false }
                    left -= state.kept[job]?.bytes ?? 0
                    return true
                })
        }
        for job in excess { remove(job) }
    }

    /// Lets go of what is kept of a job.
    func remove(_ job: JobID) {
        let path = state.withLock { state -> String? in
            guard state.leave(job) else { return nil }
            return state.folder.map { "\($0)/\(Self.name(job))" }
        }
        if let path { queue.async { unlink(path) } }
    }

    /// Of a job that has not ended well nothing is kept.
    public func ended(_ job: Job, writing: Duration?) { if job.status != .succeeded { remove(job.id) } }

    /// What was kept of a job goes with it.
    public func forgot(_ job: JobID) { remove(job) }

    /// Returns once all files are removed that were to be.
    func settleRemovals() { queue.sync {} }
}

extension VideoArchive.State {
    /// Takes a job out of the books; says whether it was there.
    @discardableResult
    fileprivate mutating func leave(_ job: JobID) -> Bool {
        guard let one = kept.removeValue(forKey: job) else { return false }
        bytes -= one.bytes
        if let index = order.firstIndex(of: job) { order.remove(at: index) }
        found[one.lookup]?.removeAll { $0 == job }
        if found[one.lookup]?.isEmpty == true { found[one.lookup] = nil }
        return true
    }
}

/// An open file that has no name.
final class UnnamedVideo: Sendable {
    let descriptor: CInt
    init(_ descriptor: CInt) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    /// By which it can be opened again, while it is held.
    var path: String { "/proc/self/fd/\(descriptor)" }
}
