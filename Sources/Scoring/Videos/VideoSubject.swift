import Extraction
import Jobs
import Platform
import VadCLIP
import Video

/// Which video a job is about: its input.
package struct VideoInput: Sendable, Equatable {
    /// By which it is found on the shelf.
    let token: String
    let bytes: Int
    /// SHA-256 of the file, in hexadecimal.
    package let sha256: String
    let container: VideoContainer

    private static let version = 1

    var coded: [UInt8] {
        var writer = ByteWriter()
        writer.integer(Self.version)
        writer.text(token)
        writer.integer(bytes)
        writer.text(sha256)
        writer.text(container.rawValue)
        return writer.bytes
    }

    init(token: String, bytes: Int, sha256: String, container: VideoContainer) {
        (self.token, self.bytes, self.sha256, self.container) = (token, bytes, sha256, container)
    }

    init?(coded: [UInt8]) {
        var reader = ByteReader(coded)
        guard reader.integer() == Self.version, let token = reader.text(), let bytes = reader.integer(), bytes >= 0,
            let sha256 = reader.text(), let container = reader.text().flatMap(VideoContainer.init(rawValue:)),
            reader.isAtEnd
        else { return nil }
        self.init(token: token, bytes: bytes, sha256: sha256, container: container)
    }
}

/// What a job that scores a video from its frames on says of itself: before its end which video it is and how rows are made of it,
/// and from then on what came of that.
package struct VideoSubject: Sendable {
    /// The kind of these jobs.
    package static let kind = "score-video"

    /// By which its video is found on the shelf.
    var token: String
    /// How frames become rows.
    let pooling: Pooling
    let tail: Tail
    let cadence: Cadence
    /// Frames that it should have, by what the file says.
    package let expectedFrames: Int?
    /// Snippets of a chunk, as the model cuts videos.
    package let length: Int
    /// What the client asked for, as ``ScoreOptions/encoded`` writes it.
    let options: [UInt8]
    /// Pictures that are made of its segments at most.
    var thumbnails = 0
    /// Who pays for its rows, where these are counted.
    var bill: VideoBill?
    /// What looked wrong.
    package var warnings: [String] = []
    /// The rows that came; nil until that is known.
    package var snippets: Int?
    /// SHA-256 of the features; nil until that is known.
    package var featuresSHA256: String?

    private static let version = 1
    /// In its place where pictures are asked for: how many comes last.
    private static let withThumbnails = 2
    /// In its place where somebody pays for rows: who comes last, after the pictures.
    private static let withBill = 3

    init(
        token: String, pooling: Pooling, tail: Tail, cadence: Cadence, expectedFrames: Int?, length: Int,
        options: [UInt8], warnings: [String] = []
    ) {
        (self.token, self.pooling, self.tail, self.cadence) = (token, pooling, tail, cadence)
        (self.expectedFrames, self.length, self.options, self.warnings) = (expectedFrames, length, options, warnings)
    }

    package init?(_ kind: String, _ subject: JobSubject) {
        guard kind.hasBytes(of: Self.kind) else { return nil }
        if let value = subject.value as? VideoSubject { self = value } else { self.init(coded: subject.bytes) }
    }

    package init?(of job: Job) { self.init(job.kind, job.subject) }

    /// The subject of a job, whose bytes are made when they are asked for.
    var job: JobSubject { JobSubject(of: self) { coded } }

    var coded: [UInt8] {
        var writer = ByteWriter()
        writer.integer(bill != nil ? Self.withBill : thumbnails > 0 ? Self.withThumbnails : Self.version)
        for text in [token, pooling.rawValue, tail.rawValue, cadence.rawValue] { writer.text(text) }
        writer.integer(expectedFrames ?? -1)
        writer.integer(length)
        writer.integer(snippets ?? -1)
        writer.text(featuresSHA256 ?? "")
        writer.text(warnings.joined(separator: "\n"))
        writer.block(options)
        if thumbnails > 0 || bill != nil { writer.integer(thumbnails) }
        bill?.write(to: &writer)
        return writer.bytes
    }

    init?(coded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let version = reader.integer(), [Self.version, Self.withThumbnails, Self.withBill].contains(version),
            let token = reader.text(),
            let pooling = reader.text().flatMap(Pooling.init(rawValue:)),
            let tail = reader.text().flatMap(Tail.init(rawValue:)),
            let cadence = reader.text().flatMap(Cadence.init(rawValue:)), let expected = reader.integer(),
            let length = reader.integer(), length > 0, let snippets = reader.integer(), let digest = reader.text(),
            let warnings = reader.text(), let options = reader.block(),
            let thumbnails = version == Self.version ? 0 : reader.integer()
        else { return nil }
        let bill = version == Self.withBill ? VideoBill(from: &reader) : nil
        guard reader.isAtEnd, (bill != nil) == (version == Self.withBill) else { return nil }
        self.init(
            token: token, pooling: pooling, tail: tail, cadence: cadence, expectedFrames: expected < 0 ? nil : expected,
            length: length, options: options,
            warnings: warnings.utf8.split(separator: ASCII.lineFeed).map { String(Substring($0)) })
        self.thumbnails = thumbnails
        self.bill = bill
        self.snippets = snippets < 0 ? nil : snippets
        featuresSHA256 = digest.isEmpty ? nil : digest
    }
}

/// How far a job with a video is, while it runs.
package struct VideoProgress: Sendable, Equatable {
    /// What is being done.
    package enum Phase: Int, Sendable {
        /// The file is looked at, and what was done before is passed over.
        case decode
        /// Features are made of its frames.
        case embed
        /// All features are made.
        case score

        /// As users know it.
        package var name: String {
            switch self {
            case .decode: "decode"
            case .embed: "embed"
            case .score: "score"
            }
        }
    }

    /// What is being done.
    package var phase: Phase
    /// Frames that are done with.
    package var frames: Int
    /// Frames that there should be, by what the file says.
    package var expectedFrames: Int?
    /// Rows that are made.
    package var rows: Int
    /// Chunks that are scored.
    package var chunksDone: Int
    /// Chunks that there are; nil until that is known.
    package var chunks: Int?

    var coded: [UInt8] {
        var writer = ByteWriter()
        for number in [phase.rawValue, frames, expectedFrames ?? -1, rows, chunksDone, chunks ?? -1] {
            writer.integer(number)
        }
        return writer.bytes
    }

    init(phase: Phase, frames: Int, expectedFrames: Int?, rows: Int, chunksDone: Int, chunks: Int?) {
        (self.phase, self.frames, self.expectedFrames) = (phase, frames, expectedFrames)
        (self.rows, self.chunksDone, self.chunks) = (rows, chunksDone, chunks)
    }

    /// What the worker of a running job says of it; nil where none does.
    package init?(of job: Job) {
        guard job.kind.hasBytes(of: VideoSubject.kind), let note = job.note else { return nil }
        var reader = ByteReader(note)
        guard let phase = reader.integer().flatMap(Phase.init(rawValue:)), let frames = reader.integer(),
            let expected = reader.integer(), let rows = reader.integer(), let done = reader.integer(),
            let chunks = reader.integer(), reader.isAtEnd
        else { return nil }
        self.init(
            phase: phase, frames: frames, expectedFrames: expected < 0 ? nil : expected, rows: rows, chunksDone: done,
            chunks: chunks < 0 ? nil : chunks)
    }
}

/// What a job that scores says of itself, whatever it began with.
package struct JobFacts: Sendable {
    private enum Subject: Sendable {
        case features(ScoreSubject, parts: Int)
        case video(VideoSubject)
    }

    private let subject: Subject

    /// What a job says; nil where that is of no such kind or can't be read.
    package init?(of job: Job) {
        if let features = ScoreSubject(of: job) {
            subject = .features(features, parts: job.parts)
        } else if let video = VideoSubject(of: job) {
            subject = .video(video)
        } else {
            return nil
        }
    }

    /// Rows of its features; nil until that is known.
    package var snippets: Int? {
        switch subject {
        case .features(let features, _): features.snippets
        case .video(let video): video.snippets
        }
    }

    /// SHA-256 of its features; nil until that is known.
    package var featuresSHA256: String? {
        switch subject {
        case .features(let features, _): features.digest.text
        case .video(let video): video.featuresSHA256
        }
    }

    /// What looked wrong, in plain words.
    package var warnings: [String] {
        switch subject {
        case .features(let features, _): features.warnings
        case .video(let video): video.warnings
        }
    }

    /// Chunks that it has; nil until that is known.
    package var chunks: Int? {
        switch subject {
        case .features(_, let parts): parts
        case .video(let video): video.snippets.map { Chunks(snippets: $0, length: video.length).count }
        }
    }

    /// What the client asked for, as ``ScoreOptions/encoded`` writes it; empty where that is not known any more.
    var options: [UInt8] {
        switch subject {
        case .features(let features, _): features.options
        case .video(let video): video.options
        }
    }

    /// Whether it began with a video.
    package var isOfVideo: Bool { if case .video = subject { true } else { false } }

    /// What it is about, which jobs of the same features or of one video have in common.
    package var isAbout: String {
        switch subject {
        case .features(let features, _): features.digest.text
        case .video(let video): video.token
        }
    }
}
