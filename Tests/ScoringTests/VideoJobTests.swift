import Jobs
import Platform
import Synchronization
import Tensors
import TestSupport
import Testing
import VadCLIP

@testable import Scoring

@Suite("Jobs that begin with a video")
struct VideoJobTests {
    private static func subject() -> VideoSubject {
        var subject = VideoSubject(
            token: "abc", pooling: .middle, tail: .keep, cadence: .time, expectedFrames: 300, length: 256,
            options: ScoreOptions().encoded, warnings: ["one", "two"])
        subject.snippets = 18
        subject.featuresSHA256 = "f0"
        return subject
    }

    @Test("a subject reads back as it was written, with what is not known yet and without")
    func subjects() throws {
        for known in [true, false] {
            var subject = Self.subject()
            if !known { (subject.snippets, subject.featuresSHA256) = (nil, nil) }
            let without = subject.coded
            subject.thumbnails = known ? 8 : 0
            #expect((subject.coded == without) == !known, "subjects without are what they were")
            #expect(VideoSubject(coded: subject.coded)?.thumbnails == subject.thumbnails)
            let unbilled = subject.coded
            for limit in [nil, 20] {
                let account = Account(name: "bob", quota: DailyQuota(units: limit))
                subject.bill = VideoBill(account, rows: 18, at: WallTime(milliseconds: 86_400_000 * 7 + 5))
                #expect(subject.coded != unbilled && VideoSubject(coded: subject.coded)?.bill == subject.bill)
                #expect(VideoSubject(coded: subject.coded)?.thumbnails == subject.thumbnails && subject.bill?.day == 7)
                #expect(VideoSubject(coded: Array(subject.coded.dropLast(8))) == nil)
            }
            subject.bill = nil
            let read = try #require(VideoSubject(coded: subject.coded))
            #expect(read.coded == subject.coded)
            #expect(read.snippets == subject.snippets && read.featuresSHA256 == subject.featuresSHA256)
            #expect(read.warnings == ["one", "two"] && read.pooling == .middle && read.cadence == .time)
        }
    }

    @Test("what ends early or goes on is no subject, no input and no progress")
    func broken() throws {
        let bytes = Self.subject().coded
        for count in stride(from: 0, to: bytes.count, by: 3) {
            #expect(VideoSubject(coded: Array(bytes.prefix(count))) == nil)
        }
        #expect(VideoSubject(coded: bytes + [0]) == nil)
        let input = VideoInput(token: "abc", bytes: 5, sha256: "00", container: .matroska)
        #expect(VideoInput(coded: input.coded) == input)
        #expect(VideoInput(coded: Array(input.coded.dropLast())) == nil)
    }

    @Test(
        "what a video that runs takes for a frame is known of those that wait for the same model and are made rows of alike"
    )
    func paces() throws {
        let intake = VideoIntake(maxBytes: 1, on: VideoShelf()) { .refused("") }
        var work = ScoringWork()
        work.videos = intake
        func expected(
            _ subject: VideoSubject, kind: String = VideoSubject.kind, sha256: String = "aa"
        ) throws -> Double? {
            let new = NewJob(
                kind: kind, subject: subject.job, input: JobBody([UInt8]()), model: "m", modelSHA256: sha256, parts: 900
            )
            let id = try #require(JobID("01M85BV3QAE4RGA8GVVP3465ME"))
            return work.expectedSeconds(of: Job(new, id: id, createdAt: WallTime(milliseconds: 0)))
        }
        let subject = Self.subject()
        #expect(try expected(subject) == nil, "none has run")
        let manner = VideoManner(ModelID(name: "m", sha256: "aa"), subject)
        intake.paces.record(secondsPerFrame: 0.5, in: manner)
        intake.paces.record(secondsPerFrame: 0.25, in: manner)
        #expect(try expected(subject) == 75)
        #expect(try expected(subject, sha256: "bb") == nil)
        #expect(try expected(subject, kind: "score") == nil)
        let other = VideoSubject(
            token: "abc", pooling: .mean, tail: .keep, cadence: .time, expectedFrames: 300, length: 256, options: [])
        #expect(try expected(other) == nil)
    }

    @Test("what a job says of itself: a video's rows, digest and chunks are not known before its end")
    func facts() throws {
        var subject = Self.subject()
        (subject.snippets, subject.featuresSHA256) = (nil, nil)
        let id = try #require(JobID("01M85BV3QAE4RGA8GVVP3465ME"))
        func job(_ subject: VideoSubject) -> Job {
            Job(
                NewJob(
                    kind: VideoSubject.kind, subject: subject.job, input: JobBody([UInt8]()), model: "m", parts: 900),
                id: id,
                createdAt: WallTime(milliseconds: 0))
        }
        let before = try #require(JobFacts(of: job(subject)))
        #expect(before.snippets == nil && before.featuresSHA256 == nil && before.chunks == nil && before.isOfVideo)
        subject.snippets = 257
        let after = try #require(JobFacts(of: job(subject)))
        #expect(after.snippets == 257 && after.chunks == 2, "what it costs is no number of chunks")
    }

    @Test("a result keeps what there is to say of its video")
    func results() throws {
        var logits = Logits(snippets: 2, classes: 2)
        logits.coarse = [1, 2]
        logits.fine = [1, 2, 3, 4]
        var result = ScoreResult(
            model: "m", modelSHA256: "a", trained: true, labels: ["normal", "fighting"], logits: logits,
            featuresSHA256: "b", kernels: "portable", options: ScoreOptions(), queuedMilliseconds: 1,
            scoredMilliseconds: 2)
        for cut in [nil, "damage"] {
            result.source = VideoSource(
                sha256: "s", frames: 33, fps: cut == nil ? nil : 29.97, times: [0, 0.5, 1], truncatedBy: cut,
                ffmpeg: "5.1.9", isolation: "bubblewrap", recipeSHA256: "r", towerSHA256: "t")
            #expect(ScoreResult(encoded: result.encoded) == result)
            let pictured = result.pictures.isEmpty
            result.pictures = [SegmentPicture(start: 3, jpeg: [0xFF, 0xD8]), SegmentPicture(start: 9, jpeg: [])]
            #expect(ScoreResult(encoded: result.encoded) == result && pictured)
            result.pictures = []
            result.source?.featuresOfJob = "01M85BV3QAE4RGA8GVVP3465ME"
            #expect(ScoreResult(encoded: result.encoded) == result)
        }
        #expect(ScoreResult(encoded: Array(result.encoded.dropLast())) == nil)
    }

    @Test("rows are counted as they come, those that did not come are given back, and beyond the bound it ends")
    func bills() throws {
        let settled = Mutex<[Int]>([])
        let bill = RowsBill(counted: 5) { rows in
            settled.withLock { $0.append(rows) }
            return rows > 10 ? JobFailure(reason: "quota-exceeded", detail: "") : nil
        }
        func count(_ rows: Int, isOver: Bool = false) throws {
            while try !bill.isCounted(rows, isOver: isOver) { bill.wait(until: Deadline(in: .seconds(60))) }
        }
        try count(3)
        try count(7)
        bill.begin(with: 9)
        try count(9)
        try count(8, isOver: true)
        #expect(settled.withLock { $0 } == [2, -1])
        #expect(throws: JobFailure.self) { try count(30) }
        #expect(throws: JobFailure.self) { try count(30) }
        #expect(settled.withLock { $0 } == [2, -1, 22])
        let strict = RowsBill(counted: 5) { _ in JobFailure(reason: "quota-exceeded", detail: "") }
        while try !strict.isCounted(6, isOver: true) { strict.wait(until: Deadline(in: .seconds(60))) }
    }

    @Test("finished rows are read back as far as they hold, and of the same key alone")
    func rows() throws {
        let folder = try ScratchFolder()
        let path = folder.path + "/.x.rows"
        let key = [UInt8](repeating: 7, count: 32)
        do {
            let (file, rows) = RowsFile.open(path, key: key, width: 3, limit: 100)
            #expect(rows.rows == 0)
            file?.append([1, 2, 3])
            file?.append([4, 5, .pi])
        }
        #expect(RowsFile.open(path, key: key, width: 3, limit: 100).rows.values == [1, 2, 3, 4, 5, .pi])
        #expect(RowsFile.open(path, key: key, width: 3, limit: 4).rows.values == [1, 2, 3], "no more than may be")
        do {
            let (file, rows) = RowsFile.open(path, key: key, width: 3, limit: 100)
            #expect(rows.values == [1, 2, 3], "what was cut off is gone")
            file?.append([7, 8, 9])
        }
        #expect(RowsFile.open(path, key: key, width: 3, limit: 100).rows.values == [1, 2, 3, 7, 8, 9])
        let descriptor = open(path, O_RDWR)
        var byte: UInt8 = 0xFF
        pwrite(descriptor, &byte, 1, 13 + 32 + 2)
        close(descriptor)
        #expect(
            RowsFile.open(path, key: key, width: 3, limit: 100).rows.rows == 0, "nor what comes after a damaged one")
        let other = [UInt8](repeating: 8, count: 32)
        #expect(RowsFile.open(path, key: other, width: 3, limit: 100).rows.rows == 0)
    }
}

@Suite("Videos that come")
struct VideoUploadTests {
    private static let sender = VideoShelf.Sender(client: "a")
    private static let matroska: [UInt8] = [0x1A, 0x45, 0xDF, 0xA3] + [UInt8](repeating: 1, count: 300_000)

    private static func files(_ folder: String) -> [String] {
        var names: [String] = []
        FolderNames.each(in: folder) { name, _ in
            names.append(name)
            return true
        }
        return names
    }

    @Test("a video is on the shelf as long as somebody needs it")
    func kept() async throws {
        let folder = try ScratchFolder()
        let shelf = VideoShelf()
        shelf.open(folder: folder.path + "/videos", scratch: folder.path)
        do {
            let upload = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: nil, of: Self.sender)
            for start in stride(from: 0, to: Self.matroska.count, by: 70_000) {
                try await upload.take(Array(Self.matroska[start..<min(start + 70_000, Self.matroska.count)]))
            }
            let video = try await upload.finish()
            #expect(video.input.bytes == Self.matroska.count && video.input.container == .matroska)
            #expect(video.input.sha256 == Self.matroska.withUnsafeBytes { SHA256.hexDigest(of: $0) })
            #expect(Self.files(folder.path + "/videos") == ["\(video.input.token).video"])
            #expect(shelf.isFresh(video.input.token))
            shelf.take(video.input.token)
            shelf.release(video.input.token)
            #expect(shelf.path(of: video.input.token).map { access($0, R_OK) } == 0, "the request needs it")
        }
        shelf.settleRemovals()
        #expect(Self.files(folder.path + "/videos") == [])
    }

    @Test("what begins as no video, or is too large, leaves nothing")
    func refused() async throws {
        let folder = try ScratchFolder()
        let shelf = VideoShelf()
        shelf.open(folder: folder.path + "/videos", scratch: folder.path)
        let text = Array("#EXTM3U\n".utf8) + [UInt8](repeating: 0x20, count: 2_000)
        await #expect(throws: ScoringError.self) {
            try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: nil, of: Self.sender).take(text)
        }
        await #expect(throws: ScoringError.self) {
            try await VideoUpload.begin(on: shelf, limit: 100_000, expected: nil, of: Self.sender).take(Self.matroska)
        }
        await #expect(throws: ScoringError.self) {
            _ = try await VideoUpload.begin(on: shelf, limit: 100_000, expected: 100_001, of: Self.sender)
        }
        await #expect(throws: ScoringError.self) {
            _ = try await VideoUpload.begin(on: shelf, limit: 100_000, expected: nil, of: Self.sender).finish()
        }
        #expect(Self.files(folder.path + "/videos") == [])
    }

    @Test("where jobs are in memory a video has no name, and is there for whoever needs it")
    func unnamed() async throws {
        let folder = try ScratchFolder()
        let shelf = VideoShelf()
        shelf.open(folder: nil, scratch: folder.path)
        let upload = try await VideoUpload.begin(
            on: shelf, limit: 1 << 20, expected: Self.matroska.count, of: Self.sender)
        try await upload.take(Self.matroska)
        let video = try await upload.finish()
        #expect(Self.files(folder.path) == [])
        let path = try #require(shelf.path(of: video.input.token))
        #expect(try OpenFile(path: path).bytes() == Self.matroska)
    }

    @Test(
        "a client's videos, those that come too, have a share of the disk, and others theirs; one alone may always come"
    )
    func shares() async throws {
        let folder = try ScratchFolder()
        // 800,000 bytes may be had, of which a client gets seven eighths.
        let shelf = VideoShelf { _ in DiskRoom(free: 900_000, total: 800_000) }
        shelf.open(folder: folder.path + "/videos", scratch: folder.path)
        let other = VideoShelf.Sender(client: "b")
        var first: VideoUpload? = try await .begin(on: shelf, limit: 1 << 20, expected: 400_000, of: Self.sender)
        await #expect(throws: ScoringError.self) {
            _ = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: 300_001, of: Self.sender)
        }
        _ = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: 300_000, of: Self.sender)
        _ = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: 400_000, of: other)
        let spared = VideoShelf.Sender(client: "a", isSpared: true)
        _ = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: 400_000, of: spared)
        try await first?.take(Self.matroska)
        var video: ShelvedVideo? = try await first?.finish()
        first = nil
        #expect(video != nil)
        // What was promised and did not come is free again, and what came is held.
        _ = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: 600_000, of: Self.sender)
        await #expect(throws: ScoringError.self) {
            _ = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: 700_000, of: Self.sender)
        }
        video = nil
        _ = try await VideoUpload.begin(on: shelf, limit: 1 << 20, expected: 790_000, of: Self.sender)
    }

    @Test("who announces much and sends little keeps no room from others")
    func announced() async throws {
        let folder = try ScratchFolder()
        let shelf = VideoShelf { _ in DiskRoom(free: 1 << 30, total: 1 << 30) }
        shelf.open(folder: folder.path + "/videos", scratch: folder.path)
        var slow: [VideoUpload] = []
        for client in 0..<10 {
            let sender = VideoShelf.Sender(client: "slow \(client)")
            slow.append(try await .begin(on: shelf, limit: 1 << 30, expected: 600 << 20, of: sender))
        }
        _ = try await VideoUpload.begin(on: shelf, limit: 1 << 30, expected: 600 << 20, of: .init(client: "other"))
        // What could never fit is refused before it comes.
        await #expect(throws: ScoringError.self) {
            _ = try await VideoUpload.begin(on: shelf, limit: 1 << 40, expected: 2 << 30, of: .init(client: "other"))
        }
        #expect(slow.count == 10)
    }

    @Test("the first video of a server is asked for its room too, though its folder is not there yet")
    func firstRoom() async throws {
        let folder = try ScratchFolder()
        let own = folder.path
        let shelf = VideoShelf { $0 == own ? DiskRoom(free: 1_000_000, total: 1_000_000) : nil }
        shelf.open(folder: own + "/videos", scratch: own)
        await #expect(throws: ScoringError.self) {
            _ = try await VideoUpload.begin(on: shelf, limit: 1 << 30, expected: 1 << 20, of: Self.sender)
        }
        let unknown = VideoShelf { _ in nil }
        unknown.open(folder: own + "/videos", scratch: own)
        await #expect(throws: ScoringError.self) {
            _ = try await VideoUpload.begin(on: unknown, limit: 1 << 30, expected: 1, of: Self.sender)
        }
    }
}
