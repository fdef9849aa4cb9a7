import Formats
import Jobs
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Scoring

/// Files of servers that share a store, in memory.
private final class FilesInMemory: SharedFiles {
    struct State: Sendable {
        var generator = JobIDGenerator()
        var parts: [JobID: [Int: [UInt8]]] = [:]
        var rows: [JobID: [[UInt8]]] = [:]
        var made: [JobID: (lookup: [UInt8], bytes: [UInt8])] = [:]
        /// The claims that are good.
        var tokens: Set<ClaimToken> = []
        var isAway = false
    }

    let state = Mutex(State())
    let partBytes = 1_000

    private func change<Value: Sendable>(
        _ body: (inout State) -> Value
    ) throws(JobStoreError) -> Value {
        let value = state.withLock { state in state.isAway ? nil : body(&state) }
        guard let value else { throw .unavailable("it is away") }
        return value
    }

    func beginFile() async throws(JobStoreError) -> JobID {
        try change { state in
            var random: any RandomNumberGenerator & Sendable = SeededRandom(seed: 1)
            let file = state.generator.next(at: WallTime(milliseconds: 1_000), using: &random)
            state.parts[file] = [:]
            return file
        }
    }

    func writePart(_ part: Int, _ bytes: [UInt8], of file: JobID) async throws(JobStoreError) {
        try change { $0.parts[file]?[part] = bytes }
    }

    func part(_ part: Int, of file: JobID) async throws(JobStoreError) -> [UInt8]? {
        try change { $0.parts[file]?[part] }
    }

    func discardFile(_ file: JobID) async throws(JobStoreError) { try change { $0.parts[file] = nil } }

    func keepMade(_ bytes: [UInt8], by lookup: [UInt8], of job: JobID) async throws(JobStoreError) {
        try change { $0.made[job] = (lookup, bytes) }
    }

    func jobWithMade(_ lookup: [UInt8]) async throws(JobStoreError) -> JobID? {
        try change { state in state.made.first { $0.value.lookup == lookup }?.key }
    }

    func made(_ piece: Int, of job: JobID) async throws(JobStoreError) -> [UInt8]? {
        try change { state in piece == 0 ? state.made[job]?.bytes : nil }
    }

    func keepRows(_ bytes: [UInt8], piece: Int, by token: ClaimToken) async throws(JobStoreError) -> Bool {
        try change { state in
            guard state.tokens.contains(token) else { return false }
            state.rows[token.job] = Array((state.rows[token.job] ?? []).prefix(piece)) + [bytes]
            return true
        }
    }

    func rows(_ piece: Int, of job: JobID) async throws(JobStoreError) -> [UInt8]? {
        try change { state in
            let rows = state.rows[job] ?? []
            return rows.indices.contains(piece) ? rows[piece] : nil
        }
    }
}

@Suite("Videos where servers share jobs")
struct SharedVideosTests {
    private static let sender = VideoShelf.Sender(client: "a")
    /// Two parts and a bit of a third.
    private static let matroska: [UInt8] =
        [0x1A, 0x45, 0xDF, 0xA3] + (0..<2_500).map { UInt8(truncatingIfNeeded: $0 / 7) }

    private let files = FilesInMemory()

    private func shelf(_ folder: ScratchFolder, free: Int = 1 << 30) -> VideoShelf {
        let shelf = VideoShelf { _ in DiskRoom(free: free, total: 1 << 30) }
        shelf.open(folder: nil, scratch: folder.path, sharing: files)
        return shelf
    }

    private func taken(_ shelf: VideoShelf) async throws -> VideoInput {
        let upload = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: nil, of: Self.sender)
        try await upload.take(Self.matroska)
        let video = try await upload.finish()
        let path = try #require(shelf.path(of: video.input.token))
        return try await #require(shelf.shared).take(video.input, at: path, of: "a")
    }

    /// What fetching gives, on a thread of our own as a run has it.
    private func fetched(
        _ place: VideoPlace, pause: @escaping @Sendable (Duration) -> Bool = { _ in true }
    ) async -> Result<String, JobFailure> {
        await LongWork.run(if: true) { Result { () throws(JobFailure) in try place.fetch(pause: pause) } }
    }

    @Test("what one server took another fetches, once, and nothing of it is left with the run")
    func fetching() async throws {
        let folder = try ScratchFolder()
        let video = try await taken(shelf(folder))
        let other = shelf(folder)
        do {
            let place = try #require(other.place(of: video))
            #expect(place.path == nil)
            let path = try await fetched(place).get()
            #expect(try OpenFile(path: path).bytes() == Self.matroska)
            files.state.withLock { $0.parts = [:] }
            #expect(try await fetched(place).get() == path)
        }
        try other.promise(1 << 29, to: Self.sender)
    }

    @Test("a video that is not all there, or is another, ends its job", arguments: [0, 2, nil])
    func damaged(lost: Int?) async throws {
        let folder = try ScratchFolder()
        let shelf = shelf(folder)
        let video = try await taken(shelf)
        let file = try #require(JobID(video.token))
        files.state.withLock { state in
            if let lost { state.parts[file]?[lost] = nil } else { state.parts[file]?[1]?[5] ^= 1 }
        }
        let place = try #require(shelf.place(of: video))
        guard case .failure(let failure) = await fetched(place) else {
            Issue.record("it was taken")
            return
        }
        #expect(failure.reason == "damaged-job" && !failure.isPassing)
        #expect(place.path == nil)
    }

    @Test("where there is no room, or the store is away, it is tried again until the run ends, and the job is not lost")
    func patience() async throws {
        let folder = try ScratchFolder()
        let video = try await taken(shelf(folder))
        for isAway in [true, false] {
            files.state.withLock { $0.isAway = isAway }
            let place = try #require(shelf(folder, free: isAway ? 1 << 30 : 0).place(of: video))
            let tries = Mutex(0)
            let result = await fetched(place) { time in
                if time > .zero {
                    return tries.withLock {
                        $0 += 1; return $0 < 3
                    }
                }
                return true
            }
            guard case .failure(let failure) = result else {
                Issue.record("it was fetched")
                return
            }
            #expect(failure.isPassing && tries.withLock(\.self) == 3)
        }
    }

    @Test("of a video that could not be copied nothing stays")
    func notCopied() async throws {
        let folder = try ScratchFolder()
        let shelf = shelf(folder)
        let upload = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: nil, of: Self.sender)
        try await upload.take(Self.matroska)
        let video = try await upload.finish()
        let shared = try #require(shelf.shared)
        await #expect(throws: ScoringError.self) {
            _ = try await shared.take(video.input, at: folder.path + "/none", of: "a")
        }
        #expect(files.state.withLock { $0.parts.isEmpty })
    }

    @Test("features that one server kept another finds, with their numbers; none where they are damaged")
    func features() async throws {
        let folder = try ScratchFolder()
        let video = try await taken(shelf(folder))
        let job = try #require(JobID(video.token))
        let (one, two) = (VideoArchive(), VideoArchive())
        for archive in [one, two] {
            archive.open(folder: nil, scratch: folder.path, limit: 1 << 20, sharing: files)
        }
        let lookup = [UInt8](repeating: 3, count: 32)
        let values: [Float] = [1, 2, .pi, 4]
        let array = DecodedArray(shape: [2, 2], elementType: .float32, values: values)
        let source = VideoSource(
            sha256: "s", frames: 33, fps: 30, times: [0, 1], truncatedBy: nil, ffmpeg: "5", isolation: "bubblewrap",
            recipeSHA256: "r", towerSHA256: "t")
        let recipe = MadeRecipe(
            name: "vadclip", crop: nil, resolution: 224, pool: "mean", framesPerRow: 16, tail: "keep",
            compute: "float32", cadence: "time", text: "", kernels: "avx2")
        let head = KeptFeatures.Head(
            lookup: lookup, job: "\(job)", rows: 2, width: 2, sha256: array.digest,
            made: VideoMade(source: source, container: "MP4", recipe: recipe))
        await LongWork.run(if: true) { one.keep(values, head, of: job, as: nil) }
        #expect(await two.isThere(lookup))
        let other = [UInt8](repeating: 4, count: 32)
        #expect(await two.isThere(other) == false)
        let found = await LongWork.run(if: true) { two.load(lookup, most: 4) }
        #expect(found?.job == job && found?.values == values)
        #expect(await LongWork.run(if: true) { two.load(lookup, most: 3) } == nil)
        #expect(try await two.find(job)?.values() == values)
        files.state.withLock { state in
            let last = (state.made[job]?.bytes.count ?? 1) - 1
            state.made[job]?.bytes[last] ^= 1
        }
        #expect(await LongWork.run(if: true) { two.load(lookup, most: 4) } == nil)
    }

    // MARK: Finished rows

    private static let key = [UInt8](repeating: 1, count: 32)

    /// What the holder of a claim finds, to which it adds rows.
    private func go(_ token: ClaimToken, _ shelf: VideoShelf, key: [UInt8] = key, adding rows: [[Float]]) async
        -> [Float]?
    {
        guard let place = shelf.rowsPlace(of: token) else { return nil }
        let opened = await LongWork.run(if: true) { RowsFile.open(place, key: key, width: 2, limit: 100) }
        for row in rows {
            opened.file?.append(row)
            await opened.file?.shared?.settle()
        }
        return opened.rows.values
    }

    @Test("rows that the holder of a claim has finished the next one goes on from; one whose claim is over adds none")
    func rows() async throws {
        let folder = try ScratchFolder()
        let shelf = shelf(folder)
        let job = try await files.beginFile()
        let (first, second) = (ClaimToken(job: job, secret: 1), ClaimToken(job: job, secret: 2))
        files.state.withLock { $0.tokens = [first] }
        #expect(await go(first, shelf, adding: [[1, 2], [3, 4]]) == [])
        files.state.withLock { $0.tokens = [second] }
        #expect(await go(first, shelf, adding: [[9, 9]]) == [1, 2, 3, 4])
        #expect(await go(second, shelf, adding: [[5, 6]]) == [1, 2, 3, 4])
        #expect(await go(second, shelf, adding: []) == [1, 2, 3, 4, 5, 6])
    }

    @Test("rows of another recipe, and what comes after a damaged one, are replaced")
    func otherRows() async throws {
        let folder = try ScratchFolder()
        let shelf = shelf(folder)
        let job = try await files.beginFile()
        let token = ClaimToken(job: job, secret: 1)
        files.state.withLock { $0.tokens = [token] }
        #expect(await go(token, shelf, adding: [[1, 2], [3, 4], [5, 6]]) == [])
        files.state.withLock { state in
            let last = (state.rows[job]?.count ?? 1) - 1
            state.rows[job]?[last][0] ^= 1
        }
        #expect(await go(token, shelf, adding: [[7, 8]]) == [1, 2, 3, 4])
        #expect(await go(token, shelf, adding: []) == [1, 2, 3, 4, 7, 8])
        let other = [UInt8](repeating: 2, count: 32)
        #expect(await go(token, shelf, key: other, adding: [[1, 1]]) == [])
        #expect(await go(token, shelf, key: other, adding: []) == [1, 1])
    }
}
