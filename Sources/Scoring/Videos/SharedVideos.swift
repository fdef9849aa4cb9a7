import Jobs
import Platform
import Synchronization

/// The way of videos, and of what was made of them, to and from a store that several servers share.
final class SharedVideos: Sendable {
    private let files: any SharedFiles
    private let scratch: String
    /// Videos that are on their way at a time: the other calls to the store go between their parts.
    private let turns = FairTurns(places: 2)

    init(_ files: any SharedFiles, scratch: String) { (self.files, self.scratch) = (files, scratch) }

    // MARK: Videos

    /// Copies a video, which is at `path`, and says by which name all servers have it. It is nobody's before a job of it is committed.
    func take(_ video: VideoInput, at path: String, of client: String) async throws(ScoringError) -> VideoInput {
        await turns.enter(client)
        defer { turns.leave(client) }
        do throws(JobStoreError) {
            let file = try await files.beginFile()
            do throws(JobStoreError) {
                try await copy(video, at: path, to: file)
            } catch {
                try? await files.discardFile(file)
                throw error
            }
            return VideoInput(
                token: "\(file)", bytes: video.bytes, sha256: video.sha256, container: video.container)
        } catch { throw .store(error) }
    }

    private func copy(_ video: VideoInput, at path: String, to file: JobID) async throws(JobStoreError) {
        let opened: OpenFile
        do throws(FileError) { opened = try OpenFile(path: path) } catch { throw .unavailable(error.description) }
        for (part, start) in stride(from: 0, to: video.bytes, by: files.partBytes).enumerated() {
            guard !Task.isCancelled else { throw .unavailable("the request has ended") }
            let range = start..<min(start + files.partBytes, video.bytes)
            let read = await WorkThreads.blocking.run {
                Result { () throws(FileError) in try opened.bytes(range) }
            }
            switch read {
            case .success(let bytes): try await files.writePart(part, bytes, of: file)
            case .failure(let error): throw .unavailable(error.description)
            }
        }
    }

    /// Removes a video that no job has come of.
    func discard(_ token: String) async {
        if let file = JobID(token) { try? await files.discardFile(file) }
    }

    /// A part of a video, for threads of our own.
    func part(_ number: Int, of file: JobID) throws(JobStoreError) -> [UInt8]? {
        let files = files
        return try Self.wait { () throws(JobStoreError) in try await files.part(number, of: file) }
    }

    /// The bytes of a part.
    var partBytes: Int { files.partBytes }

    // MARK: What was made of them

    /// Keeps a job's features, for threads of our own: without, nothing is wrong but that they can't be had.
    func keep(_ values: [Float], _ head: KeptFeatures.Head, of job: JobID) {
        let files = files
        try? Self.wait { () throws(JobStoreError) in
            var writer = ByteWriter(KeptFeatures.beginning(head), reserving: 4 * values.count)
            writer.append(values)
            try await files.keepMade(writer.bytes, by: head.lookup, of: job)
        }
    }

    /// Whether features are there.
    func has(_ lookup: [UInt8]) async -> Bool {
        let job = try? await files.jobWithMade(lookup)
        return job != nil
    }

    /// A job whose features are found so, for threads of our own.
    func find(_ lookup: [UInt8]) -> (job: JobID, features: KeptFeatures)? {
        try? Self.wait { () throws(JobStoreError) in
            guard let job = try await self.files.jobWithMade(lookup),
                let features = try await self.features(of: job)
            else { return nil }
            return (job, features)
        }
    }

    /// The features of a job, in a file without a name; nil where they are not kept.
    func features(of job: JobID) async throws(JobStoreError) -> KeptFeatures? {
        guard let descriptor = try? UnnamedFile.make(in: scratch) else { return nil }
        let file = UnnamedVideo(descriptor)
        let scratch = scratch
        var piece = 0
        while let bytes = try await files.made(piece, of: job) {
            let isWritten = await WorkThreads.blocking.run {
                guard let room = DiskRoom(of: scratch), bytes.count <= room.free - VideoShelf.floor(of: room) else {
                    return false
                }
                return VideoShelf.write(bytes, to: file.descriptor) == nil
            }
            guard isWritten else { return nil }
            piece += 1
        }
        guard piece > 0 else { return nil }
        return await WorkThreads.blocking.run { try? KeptFeatures(path: file.path) }
    }

    // MARK: What is made meanwhile

    /// Keeps finished rows; false where the claim is not good any more, nil where the store is away.
    func keepRows(_ bytes: [UInt8], piece: Int, by token: ClaimToken) async -> Bool? {
        try? await files.keepRows(bytes, piece: piece, by: token)
    }

    /// The rows that were kept of a job, in a file without a name, for threads of our own; nil where they can't be had, or are more than
    /// may be.
    func rows(of job: JobID, most: Int) -> (file: UnnamedVideo, pieces: Int)? {
        guard let descriptor = try? UnnamedFile.make(in: scratch) else { return nil }
        let (file, files) = (UnnamedVideo(descriptor), files)
        var (pieces, bytes) = (0, 0)
        do throws(JobStoreError) {
            while true {
                let piece = pieces
                let next = try Self.wait { () throws(JobStoreError) in try await files.rows(piece, of: job) }
                guard let next else { return (file, pieces) }
                bytes += next.count
                guard bytes <= most, VideoShelf.write(next, to: descriptor) == nil else { return nil }
                pieces += 1
            }
        } catch { return nil }
    }

    /// Waits, on a thread of our own, for what the store says; that has deadlines of its own.
    private static func wait<Value: Sendable>(
        _ work: @escaping @Sendable () async throws(JobStoreError) -> Value
    ) throws(JobStoreError) -> Value {
        let outcome = Monitor<Result<Value, JobStoreError>?>(nil)
        Task {
            let result: Result<Value, JobStoreError>
            do throws(JobStoreError) { result = .success(try await work()) } catch { result = .failure(error) }
            outcome.withLock { $0 = result }
            outcome.wakeAll()
        }
        return try outcome.wait { $0 }.get()
    }
}

/// Where the video of a job is: on this server's shelf, or with all servers, from where a run fetches it into a file without a name.
final class VideoPlace: Sendable {
    /// How long room on the disk is waited for, and the store.
    private static let patience = Duration.seconds(60)
    private static let pause = Duration.milliseconds(500)
    /// Who has the room of what is fetched.
    private static let sender = VideoShelf.Sender(client: "", isSpared: true)

    private struct State: Sendable {
        var path: String?
        var file: UnnamedVideo?
        var bytes = 0
    }

    private let video: VideoInput
    private let shelf: VideoShelf
    private let shared: SharedVideos?
    private let state: Mutex<State>

    /// One that is at a path.
    init(_ video: VideoInput, at path: String, on shelf: VideoShelf) {
        (self.video, self.shelf, shared) = (video, shelf, nil)
        state = Mutex(State(path: path))
    }

    /// One that has to be fetched.
    init(_ video: VideoInput, from shared: SharedVideos, on shelf: VideoShelf) {
        (self.video, self.shelf, self.shared) = (video, shelf, shared)
        state = Mutex(State())
    }

    deinit {
        let bytes = state.withLock(\.bytes)
        if bytes > 0 { shelf.forget(bytes, of: Self.sender) }
    }

    /// Where it is; nil as long as it is not here.
    var path: String? { state.withLock(\.path) }

    /// Fetches it, unless it is here.
    ///
    /// - Parameter pause: waits so long; says whether the video is still wanted
    func fetch(pause: (Duration) -> Bool) throws(JobFailure) -> String {
        if let path { return path }
        guard let shared, let file = JobID(video.token) else { throw Self.gone }
        let descriptor: CInt
        do throws(FileError) { descriptor = try shelf.scratchFile() } catch { throw Self.late(error.description) }
        let scratch = UnnamedVideo(descriptor)
        state.withLock { $0.file = scratch }
        var digest = SHA256()
        for (part, start) in stride(from: 0, to: video.bytes, by: shared.partBytes).enumerated() {
            guard pause(.zero) else { throw Self.late("it is not wanted any more") }
            let count = min(shared.partBytes, video.bytes - start)
            try patiently(pause) { () throws(ScoringError) in try shelf.promise(count, to: Self.sender) }
            var fault: String?
            do throws(JobFailure) {
                let bytes = try patiently(pause) { () throws(ScoringError) in
                    do throws(JobStoreError) { return try shared.part(part, of: file) } catch { throw .store(error) }
                }
                guard let bytes, bytes.count == count else { throw Self.gone }
                bytes.withUnsafeBytes { digest.update($0) }
                fault = VideoShelf.write(bytes, to: descriptor)?.description
            } catch {
                shelf.settle(count, of: Self.sender)
                throw error
            }
            shelf.settle(count, of: Self.sender, areWritten: fault == nil)
            if let fault { throw Self.late(fault) }
            state.withLock { $0.bytes += count }
        }
        guard digest.hexDigest.hasBytes(of: video.sha256) else { throw VideoRun.damage }
        state.withLock { $0.path = scratch.path }
        return scratch.path
    }

    /// Tries again for a while where there is no room, or the store is away.
    private func patiently<Value>(
        _ pause: (Duration) -> Bool, _ work: () throws(ScoringError) -> Value
    ) throws(JobFailure) -> Value {
        let deadline = MonotonicTime.now + Self.patience
        while true {
            do throws(ScoringError) { return try work() } catch {
                guard MonotonicTime.now < deadline, pause(Self.pause) else { throw Self.late(error.description) }
            }
        }
    }

    private static let gone = JobFailure(
        reason: "damaged-job", detail: "The video is not in the store any more, or not all of it.")

    private static func late(_ reason: String) -> JobFailure {
        JobFailure(
            reason: "out-of-attempts", detail: "its video could not be fetched: \(reason).", isPassing: true)
    }
}
