import Formats
import Jobs
import Platform
import TestSupport
import Testing

@testable import Scoring

@Suite("What is kept of videos after their jobs")
struct VideoArchiveTests {
    private static let values: [Float] = [1, 2, .pi, 4, 5, 6]
    private static let key = [UInt8](repeating: 3, count: 32)

    private static func made() -> VideoMade {
        let source = VideoSource(
            sha256: "s", frames: 33, fps: 29.97, times: [0, 0.5, 1], truncatedBy: "damage", ffmpeg: "5.1.9",
            isolation: "bubblewrap", recipeSHA256: "r", towerSHA256: "t")
        let recipe = MadeRecipe(
            name: "vadclip", crop: nil, resolution: 224, pool: "mean", framesPerRow: 16, tail: "keep",
            compute: "float32", cadence: "time", text: "a\nb\n", kernels: "avx2")
        var made = VideoMade(source: source, container: "MP4", recipe: recipe)
        (made.sizes, made.warnings, made.tailFrames, made.rate) = (["64x48", "32x24"], ["one"], 1, 30)
        return made
    }

    private static func head(of owner: String?, _ values: [Float] = values, job: JobID) -> KeptFeatures.Head {
        let array = DecodedArray(shape: [2, values.count / 2], elementType: .float32, values: values)
        return KeptFeatures.Head(
            lookup: VideoArchive.lookup(key, owner: owner), job: "\(job)", rows: 2, width: values.count / 2,
            sha256: array.digest, made: made())
    }

    private static func jobs(_ count: Int) -> [JobID] {
        var generator = JobIDGenerator()
        var random: any RandomNumberGenerator & Sendable = SeededRandom(seed: 1)
        return (0..<count).map { _ in generator.next(at: WallTime(milliseconds: 1_000), using: &random) }
    }

    private static func files(_ folder: String) -> [String] {
        var names: [String] = []
        FolderNames.each(in: folder) { name, _ in
            names.append(name)
            return true
        }
        return names.sorted()
    }

    private static func archive(_ folder: ScratchFolder, isLasting: Bool = true, limit: Int = 1 << 20) -> VideoArchive {
        let archive = VideoArchive()
        archive.open(folder: isLasting ? folder.path : nil, scratch: folder.path, limit: limit)
        return archive
    }

    @Test("features are found by what they depend on and by their owner, and by nobody else", arguments: [true, false])
    func found(isLasting: Bool) throws {
        let folder = try ScratchFolder()
        let archive = Self.archive(folder, isLasting: isLasting)
        let job = Self.jobs(1)[0]
        archive.keep(Self.values, Self.head(of: "ann", job: job), of: job, as: nil)
        #expect(Self.files(folder.path) == (isLasting ? ["\(job).features"] : []))
        let found = try #require(archive.load(VideoArchive.lookup(Self.key, owner: "ann"), most: 6))
        #expect(found.job == job && found.values == Self.values && found.head == Self.head(of: "ann", job: job))
        #expect(archive.load(VideoArchive.lookup(Self.key, owner: "ann"), most: 5) == nil, "no more than may be")
        for owner in ["bob", "", nil] {
            #expect(!archive.has(VideoArchive.lookup(Self.key, owner: owner)))
            #expect(archive.load(VideoArchive.lookup(Self.key, owner: owner), most: 6) == nil)
        }
        #expect(!archive.has(VideoArchive.lookup([UInt8](repeating: 4, count: 32), owner: "ann")))
        let kept = try #require(archive.features(of: job))
        #expect(try kept.values() == Self.values && kept.head.made == Self.made())
    }

    @Test("jobs with the same features share a file, which goes with the last of them", arguments: [true, false])
    func shared(isLasting: Bool) throws {
        let folder = try ScratchFolder()
        let archive = Self.archive(folder, isLasting: isLasting)
        let jobs = Self.jobs(2)
        let head = Self.head(of: nil, job: jobs[0])
        archive.keep(Self.values, head, of: jobs[0], as: nil)
        archive.keep(Self.values, head, of: jobs[1], as: jobs[0])
        archive.forgot(jobs[0])
        archive.settleRemovals()
        #expect(archive.features(of: jobs[0]) == nil)
        #expect(archive.load(head.lookup, most: 6)?.job == jobs[1])
        #expect(try archive.features(of: jobs[1])?.values() == Self.values)
        archive.forgot(jobs[1])
        archive.settleRemovals()
        #expect(!archive.has(head.lookup) && Self.files(folder.path) == [])
    }

    @Test("the oldest go where they are more than may be kept, and what is larger is not kept at all")
    func bounded() throws {
        let folder = try ScratchFolder()
        let archive = Self.archive(folder, limit: 2 * 4 * Self.values.count)
        let jobs = Self.jobs(3)
        // The newest first: what counts is when jobs were made.
        for job in [jobs[1], jobs[2], jobs[0]] {
            archive.keep(Self.values, Self.head(of: "\(job)", job: job), of: job, as: nil)
        }
        archive.settleRemovals()
        #expect(Self.files(folder.path) == [jobs[1], jobs[2]].map { "\($0).features" })
        let small = Self.archive(try ScratchFolder(), limit: 4 * Self.values.count - 1)
        small.keep(Self.values, Self.head(of: nil, job: jobs[0]), of: jobs[0], as: nil)
        #expect(small.features(of: jobs[0]) == nil)
    }

    @Test("what a disk has made something else of is not what is there")
    func damaged() throws {
        let folder = try ScratchFolder()
        let job = Self.jobs(1)[0]
        let path = "\(folder.path)/\(job).features"
        Self.archive(folder).keep(Self.values, Self.head(of: nil, job: job), of: job, as: nil)
        let whole = try OpenFile(path: path).bytes()
        for place in 0..<whole.count {
            var bytes = whole
            bytes[place] ^= 1
            try AtomicFile.write(bytes, to: path)
            let values = try? KeptFeatures(path: path).values()
            #expect(values == nil, "byte \(place)")
        }
        for count in 0..<whole.count {
            try AtomicFile.write(Array(whole[..<count]), to: path)
            #expect((try? KeptFeatures(path: path)) == nil, "\(count) bytes")
        }
        try AtomicFile.write(whole, to: path)
        #expect(try KeptFeatures(path: path).values() == Self.values)
    }

    @Test("a job that scores features again has them for its input, whole or not at all")
    func asInput() throws {
        let folder = try ScratchFolder()
        let job = Self.jobs(1)[0]
        let archive = Self.archive(folder)
        archive.keep(Self.values, Self.head(of: nil, job: job), of: job, as: nil)
        let features = try #require(archive.features(of: job))
        let bytes = try features.input()
        guard case .made(let made)? = VideoWork(JobBody(bytes), most: Self.values.count) else {
            Issue.record("they do not read back")
            return
        }
        #expect(made.values == Self.values && made.head == features.head && "\(made.job)" == made.head.job)
        #expect(VideoWork(JobBody(bytes), most: Self.values.count - 1) == nil)
        for count in 0..<bytes.count { #expect(VideoWork(JobBody(Array(bytes[..<count])), most: 1_000) == nil) }
        #expect(VideoWork(JobBody(bytes + [0]), most: 1_000) == nil)
        let front = bytes.count - 4 * Self.values.count
        for place in 0..<front {
            var other = bytes
            other[place] ^= 1
            #expect(VideoWork(JobBody(other), most: 1_000) == nil, "byte \(place)")
        }
        let input = VideoInput(token: "abc", bytes: 5, sha256: "00", container: .matroska)
        if case .video(let read)? = VideoWork(JobBody(input.coded), most: 0) {
            #expect(read == input)
        } else {
            Issue.record("no video")
        }
    }

    @Test("the next process finds what belongs to jobs that are known, and removes the rest")
    func recovered() async throws {
        let folder = try ScratchFolder()
        let store = MemoryJobStore()
        let backlog = Backlog(store: store)
        let before = Self.archive(folder)
        var jobs: [JobID] = []
        for outcome in [JobOutcome.succeeded(JobOutput(body: [1])), .failed(JobFailure(reason: "r", detail: "d"))] {
            let id = try await store.insert(
                NewJob(kind: "k", subject: JobSubject([]), input: JobBody([UInt8]()), model: "m")
            ).id
            let claimed = try #require(try await store.claim(limit: 1).first)
            _ = try await store.complete(claimed.token, with: outcome, timings: nil)
            jobs.append(id)
            before.keep(Self.values, Self.head(of: "\(id)", job: id), of: id, as: nil)
        }
        let stranger = Self.jobs(1)[0]
        before.keep(Self.values, Self.head(of: nil, job: stranger), of: stranger, as: nil)
        let after = Self.archive(folder)
        try await after.recover(from: backlog)
        #expect(Self.files(folder.path) == ["\(jobs[0]).features"])
        #expect(after.has(VideoArchive.lookup(Self.key, owner: "\(jobs[0])")))
        _ = try await store.forget(jobs[0])
        await after.sweep(backlog)
        after.settleRemovals()
        #expect(Self.files(folder.path) == [], "also where nobody has told of it")
    }
}
