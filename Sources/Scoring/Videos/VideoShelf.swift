import Dispatch
public import Jobs
import Platform
import Synchronization

/// Where videos are from the first byte that comes until the last of their jobs has ended: in a folder beside the jobs, or where
/// jobs are in memory in files without a name, which go with the process.
///
/// What begins with a dot is on its way, or can be made again. A file that no job needs is removed: when the last one ends, and
/// at the start of a process those that the one before has left.
public final class VideoShelf: JobObserver {
    /// Bytes of the disk that stay free: jobs and results need them more.
    private static let mostFloor = 256 << 20

    private struct State: Sendable {
        /// Nil where jobs are in memory.
        var folder: String?
        /// Where files without a name are.
        var scratch = "/var/tmp"
        /// The way to those that all servers have; nil where jobs are this server's alone.
        var shared: SharedVideos?
        /// How many jobs, and requests on their way, need a video.
        var users: [ByteText: Int] = [:]
        /// Those that came to this process, which need not be looked at for what a disk has made of them.
        var fresh: Set<ByteText> = []
        var unnamed: [ByteText: UnnamedVideo] = [:]
        /// Bytes that are on their way and not on the disk.
        var underway = 0
        /// Whose each video is, and its bytes.
        var held: [ByteText: (sender: ByteText, bytes: Int)] = [:]
        /// Bytes of each sender, those on their way too.
        var ofSenders: [ByteText: Int] = [:]
        /// Bytes of all videos, as far as they are on the disk.
        var written = 0

        /// A video has come, whose bytes were counted meanwhile.
        mutating func note(_ token: String, of sender: ByteText, bytes: Int) {
            fresh.insert(ByteText(token))
            held[ByteText(token)] = (sender, bytes)
        }

        mutating func count(_ bytes: Int, of sender: ByteText) {
            let sum = ofSenders[sender, default: 0] + bytes
            ofSenders[sender] = sum > 0 ? sum : nil
        }
    }

    /// Who sends videos.
    struct Sender: Sendable {
        let client: String
        /// Whether it may have all of the disk's room.
        var isSpared = false

        fileprivate var name: ByteText { ByteText(client) }
    }

    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "vigil.videos")
    /// What a disk has.
    private let room: @Sendable (String) -> DiskRoom?

    /// A shelf that is not opened.
    public convenience init() { self.init { DiskRoom(of: $0) } }

    init(room: @escaping @Sendable (String) -> DiskRoom?) { self.room = room }

    /// Opens it.
    ///
    /// - Parameters:
    ///   - folder: of videos; nil where jobs are in memory
    ///   - scratch: where files without a name are then
    ///   - files: where all servers have them; nil where they are this server's alone
    public func open(folder: String?, scratch: String, sharing files: (any SharedFiles)? = nil) {
        state.withLock { state in
            state.folder = folder
            state.scratch = scratch
            state.shared = files.map { SharedVideos($0, scratch: scratch) }
        }
    }

    /// Learns which jobs need what is there, and removes what none does.
    public func recover(from backlog: Backlog) async throws(JobStoreError) {
        guard let folder = state.withLock({ $0.folder }) else { return }
        // The kernel names files by where they really are.
        if let home = CanonicalPath.of(Self.parent(of: folder)) {
            _ = LeftDecoders.end(
                of: home + folder.suffix(from: folder.utf8.lastIndex(of: ASCII.slash) ?? folder.startIndex))
        }
        // It is there as long as there are videos.
        guard access(folder, F_OK) == 0 else { return }
        var kept: Set<ByteText> = []
        for status in [JobStatus.queued, .running] {
            var last: JobID?
            while case let page = try await backlog.list(JobFilter(status: status), limit: 1_000, before: last),
                !page.isEmpty
            {
                for job in page {
                    guard let token = VideoSubject(of: job)?.token else { continue }
                    hold(token, of: Sender(client: job.client), in: folder)
                    state.withLock { $0.users[ByteText(token), default: 0] += 1 }
                    kept.insert(ByteText(Self.name(token)))
                    kept.insert(ByteText(Self.rowsName(job.id)))
                }
                last = page.last?.id
            }
        }
        FolderNames.each(in: folder) { name, _ in
            if !kept.contains(ByteText(name)), VideoArchive.job(ofFile: name) == nil { unlink("\(folder)/\(name)") }
            return true
        }
        rmdir(folder)
    }

    /// Counts in a video of the process before, once.
    private func hold(_ token: String, of sender: Sender, in folder: String) {
        guard let file = try? OpenFile(path: "\(folder)/\(Self.name(token))") else { return }
        state.withLock { state in
            guard state.held[ByteText(token)] == nil else { return }
            state.held[ByteText(token)] = (sender.name, file.count)
            state.count(file.count, of: sender.name)
            state.written += file.count
        }
    }

    /// Where a video is; nil where it is not.
    func path(of token: String) -> String? {
        state.withLock { state in
            if let file = state.unnamed[ByteText(token)] { return file.path }
            return state.folder.map { "\($0)/\(Self.name(token))" }
        }
    }

    /// The way to those that all servers have; nil where they are this server's alone.
    var shared: SharedVideos? { state.withLock(\.shared) }

    /// Where a job's video is; nil where it is not.
    func place(of video: VideoInput) -> VideoPlace? {
        if let shared { return VideoPlace(video, from: shared, on: self) }
        return path(of: video.token).map { VideoPlace(video, at: $0, on: self) }
    }

    /// A file without a name, for a video that is fetched.
    func scratchFile() throws(FileError) -> CInt { try UnnamedFile.make(in: state.withLock(\.scratch)) }

    /// A video that was fetched is needed no more.
    func forget(_ bytes: Int, of sender: Sender) {
        state.withLock { state in
            state.count(-bytes, of: sender.name)
            state.written -= bytes
        }
    }

    /// Writes all of some bytes; says what was wrong.
    static func write(_ bytes: [UInt8], to descriptor: CInt) -> FileError? {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let count = Platform.write(descriptor, bytes.baseAddress.map { $0 + done }, bytes.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return .fromErrno(errno, "write", "a file without a name") }
                done += count
            }
            return nil
        }
    }

    /// Whether a video came to this process.
    func isFresh(_ token: String) -> Bool { state.withLock { $0.fresh.contains(ByteText(token)) } }

    /// Where a job's finished rows are kept; nil where they are not.
    func rowsPath(of job: JobID) -> String? { state.withLock { $0.folder.map { "\($0)/\(Self.rowsName(job))" } } }

    /// Where the finished rows of a claimed job are kept; nil where they are not.
    func rowsPlace(of token: ClaimToken) -> RowsPlace? {
        if let shared { return .shared(shared, token) }
        return rowsPath(of: token.job).map { .file($0) }
    }

    /// What a video's file is called.
    static func name(_ token: String) -> String { "\(token).video" }
    private static func rowsName(_ job: JobID) -> String { ".\(job).rows" }

    /// Jobs that are about to be committed need a video. Where servers share it the store keeps it for them.
    func take(_ token: String, for jobs: Int) { if shared == nil { take(token, times: jobs) } }

    /// There are no such jobs.
    func giveBack(_ token: String, for jobs: Int) { if shared == nil { release(token, times: jobs) } }

    /// A job needs a video, or a request that is to make one.
    func take(_ token: String, times: Int = 1) {
        state.withLock { $0.users[ByteText(token), default: 0] += times }
    }

    /// One that needed a video does so no more. With the last the file goes.
    func release(_ token: String, times: Int = 1) {
        let path = state.withLock { state -> String? in
            let name = ByteText(token)
            let left = (state.users[name] ?? 0) - times
            guard left <= 0 else {
                state.users[name] = left
                return nil
            }
            state.users[name] = nil
            if let one = state.held.removeValue(forKey: name) {
                state.count(-one.bytes, of: one.sender)
                state.written -= one.bytes
            }
            state.fresh.remove(name)
            guard state.unnamed.removeValue(forKey: name) == nil else { return nil }
            return state.folder.map { "\($0)/\(Self.name(token))" }
        }
        // A large file takes a disk a while.
        if let path { queue.async { unlink(path) } }
    }

    /// A job that has ended needs its video no more.
    public func ended(_ job: Job, writing: Duration?) {
        guard let token = VideoSubject(of: job)?.token else { return }
        if let rows = rowsPath(of: job.id) { queue.async { unlink(rows) } }
        release(token)
    }

    /// Returns once all files are removed that were to be.
    func settleRemovals() { queue.sync {} }

    // MARK: Uploads

    /// A file for a video that comes.
    struct Opening {
        let token: String
        let descriptor: CInt
        /// Nil of one that has no name.
        let path: String?
    }

    /// Makes a file for a video, on a thread that may wait for the disk.
    func begin() throws(FileError) -> Opening {
        var random = SystemRandom()
        let token = String(random.next() as UInt64, radix: 36) + String(random.next() as UInt64, radix: 36)
        let (folder, scratch) = state.withLock { ($0.folder, $0.scratch) }
        guard let folder else {
            return Opening(token: token, descriptor: try UnnamedFile.make(in: scratch), path: nil)
        }
        if mkdir(folder, 0o700) == 0 { try? AtomicFile.flush(folder: folder + "/..") }
        let path = "\(folder)/.\(token).part"
        let descriptor = Platform.open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw .fromErrno(errno, "make a file in", folder) }
        return Opening(token: token, descriptor: descriptor, path: path)
    }

    /// Puts a video that has come on the shelf, for one who needs it; it is on the disk when this returns.
    func finish(_ opening: Opening, of sender: Sender, bytes: Int) throws(FileError) {
        guard let path = opening.path, let folder = state.withLock({ $0.folder }) else {
            state.withLock { state in
                state.unnamed[ByteText(opening.token)] = UnnamedVideo(opening.descriptor)
                state.note(opening.token, of: sender.name, bytes: bytes)
            }
            return take(opening.token)
        }
        guard fsync(opening.descriptor) == 0 else { throw .fromErrno(errno, "flush", path) }
        guard rename(path, "\(folder)/\(Self.name(opening.token))") == 0 else {
            throw .fromErrno(errno, "rename", path)
        }
        close(opening.descriptor)
        state.withLock { $0.note(opening.token, of: sender.name, bytes: bytes) }
        take(opening.token)
        // What can't be flushed is no less there while the machine runs.
        try? AtomicFile.flush(folder: folder)
    }

    /// Removes what came of a video that did not come to its end.
    ///
    /// - Parameter bytes: those of it that were written
    func discard(_ opening: Opening, of sender: Sender, bytes: Int) {
        forget(bytes, of: sender)
        if let path = opening.path { unlink(path) }
        close(opening.descriptor)
    }

    /// Counts bytes as on their way; throws where the disk has no room for them beside the others', or the sender's share has none.
    ///
    /// - Parameter whole: what the video has in all, as far as that is known: one that would not fit is refused at once
    func promise(_ bytes: Int, of whole: Int? = nil, to sender: Sender) throws(ScoringError) {
        let wanted = max(bytes, whole ?? 0)
        let (folder, scratch) = state.withLock { ($0.folder, $0.scratch) }
        let place = folder ?? scratch
        // The folder of videos is made with the first, so that there may be none to ask for now.
        guard let room = room(place) ?? room(Self.parent(of: place)) else {
            throw .store(.diskFull("how much room the disk of \(place) has is not known"))
        }
        let refusal = state.withLock { state -> ScoringError? in
            let free = max(room.free - Self.floor(of: room), 0)
            let (needed, isOver) = state.underway.addingReportingOverflow(wanted)
            guard !isOver, needed <= free else {
                return .store(
                    .diskFull(
                        "the disk of \(place) has \(room.free >> 20) MiB free, too little for a video of \(wanted >> 20) MiB"
                    ))
            }
            let held = state.ofSenders[sender.name] ?? 0
            // One alone may always come.
            let share = (free + state.written) / 8 * 7
            guard sender.isSpared || held == 0 || held + wanted <= share else {
                return .video(.overShare(held: held, limit: share))
            }
            state.underway += bytes
            state.count(bytes, of: sender.name)
            return nil
        }
        if let refusal { throw refusal }
    }

    private static func parent(of path: String) -> String {
        let bytes = path.utf8
        guard let slash = bytes.lastIndex(of: ASCII.slash) else { return "." }
        return slash == bytes.startIndex ? "/" : String(path[..<slash])
    }

    /// Bytes of a disk that stay free.
    static func floor(of room: DiskRoom) -> Int { min(mostFloor, room.total / 8) }

    /// Bytes that were on their way are on the disk, or will not come.
    func settle(_ bytes: Int, of sender: Sender, areWritten: Bool = false) {
        state.withLock { state in
            state.underway = max(state.underway - bytes, 0)
            if areWritten { state.written += bytes } else { state.count(-bytes, of: sender.name) }
        }
    }
}
