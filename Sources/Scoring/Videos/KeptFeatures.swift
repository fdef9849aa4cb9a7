import Extraction
import Formats
import Frames
import Jobs
import Platform
import Tensors

/// All that there is to say of how a video became features, besides these.
package struct VideoMade: Sendable, Equatable {
    /// What results say of it.
    package var source: VideoSource
    /// Frames behind the last whole row.
    package var tailFrames = 0
    /// Sizes of its frames, in the order in which they came.
    package var sizes: [String] = []
    /// What is unusual about it.
    package var warnings: [String] = []
    /// What it is: `MP4`.
    package var container: String
    /// What decodes it: `h264`.
    package var codec: String?
    /// As ffmpeg calls it: `yuv420p`.
    package var pixelFormat: String?
    /// Frames a second, as the file says.
    package var rate: Double?
    /// Seconds, as the file says.
    package var duration: Double?
    /// Degrees by which its frames are turned to be upright.
    package var rotation: Double?
    /// How frames became rows.
    package var recipe: MadeRecipe

    func write(to writer: inout ByteWriter) {
        source.write(to: &writer)
        writer.integer(tailFrames)
        for list in [sizes, warnings] {
            writer.integer(list.count)
            for text in list { writer.text(text) }
        }
        for text in [container, codec ?? "", pixelFormat ?? ""] { writer.text(text) }
        for number in [rate, duration, rotation] { writer.double(number ?? .nan) }
        recipe.write(to: &writer)
    }

    init?(from reader: inout ByteReader) {
        guard let source = VideoSource(from: &reader), let tail = reader.integer(),
            let sizes = Self.texts(from: &reader), let warnings = Self.texts(from: &reader),
            let container = reader.text(), let codec = reader.text(), let format = reader.text(),
            let rate = reader.double(), let duration = reader.double(), let rotation = reader.double(),
            let recipe = MadeRecipe(from: &reader)
        else { return nil }
        self.init(source: source, container: container, recipe: recipe)
        (tailFrames, self.sizes, self.warnings) = (tail, sizes, warnings)
        (self.codec, pixelFormat) = (codec.isEmpty ? nil : codec, format.isEmpty ? nil : format)
        self.rate = rate.isNaN ? nil : rate
        self.duration = duration.isNaN ? nil : duration
        self.rotation = rotation.isNaN ? nil : rotation
    }

    package init(source: VideoSource, container: String, recipe: MadeRecipe) {
        (self.source, self.container, self.recipe) = (source, container, recipe)
    }

    private static func texts(from reader: inout ByteReader) -> [String]? {
        guard let count = reader.integer(), count >= 0 else { return nil }
        var texts: [String] = []
        for _ in 0..<count {
            guard let text = reader.text() else { return nil }
            texts.append(text)
        }
        return texts
    }
}

/// How frames became rows, as `vigil extract` tells it of its features.
package struct MadeRecipe: Sendable, Equatable {
    package var name: String
    package var crop: Int?
    package var resolution: Int
    package var pool: String
    package var framesPerRow: Int
    package var tail: String
    package var compute: String
    package var cadence: String
    /// All of it, a line a step.
    package var text: String
    /// What computed.
    package var kernels: String

    package init(
        name: String, crop: Int?, resolution: Int, pool: String, framesPerRow: Int, tail: String, compute: String,
        cadence: String, text: String, kernels: String
    ) {
        (self.name, self.crop, self.resolution, self.pool) = (name, crop, resolution, pool)
        (self.framesPerRow, self.tail, self.compute, self.cadence) = (framesPerRow, tail, compute, cadence)
        (self.text, self.kernels) = (text, kernels)
    }

    init(_ settings: ExtractionSettings, _ recipe: Recipe, kernels: String) {
        self.init(
            name: recipe.kind.rawValue, crop: recipe.crop, resolution: recipe.resolution,
            pool: settings.pooling.rawValue, framesPerRow: settings.framesPerRow, tail: settings.tail.rawValue,
            compute: settings.compute.rawValue, cadence: settings.cadence.rawValue,
            text: settings.text(of: recipe), kernels: kernels)
    }

    func write(to writer: inout ByteWriter) {
        for text in [name, pool, tail, compute, cadence, text, kernels] { writer.text(text) }
        for number in [crop ?? -1, resolution, framesPerRow] { writer.integer(number) }
    }

    init?(from reader: inout ByteReader) {
        guard let name = reader.text(), let pool = reader.text(), let tail = reader.text(),
            let compute = reader.text(), let cadence = reader.text(), let text = reader.text(),
            let kernels = reader.text(), let crop = reader.integer(), let resolution = reader.integer(),
            let framesPerRow = reader.integer()
        else { return nil }
        self.init(
            name: name, crop: crop < 0 ? nil : crop, resolution: resolution, pool: pool, framesPerRow: framesPerRow,
            tail: tail, compute: compute, cadence: cadence, text: text, kernels: kernels)
    }
}

/// The features of a video in a file of their own, kept with their job once that has ended.
///
/// The file begins with by what they are found, and what there is to say of them, with a digest of that; the numbers follow, float32
/// in little-endian order, whose digest is the features' own.
package struct KeptFeatures: Sendable {
    /// What there is to say of them.
    package struct Head: Sendable, Equatable {
        /// The digest by which features of the same video, made in the same way for the same owner, are found.
        let lookup: [UInt8]
        /// The job that made them.
        package let job: String
        package let rows: Int
        package let width: Int
        /// SHA-256 of the numbers, as jobs and results name it.
        package let sha256: String
        package let made: VideoMade
    }

    fileprivate static let mark = Array("vigil features 1\n".utf8)
    /// Bytes that a head may have: times of a few million rows.
    fileprivate static let mostHead = 64 << 20
    fileprivate static let sumBytes = 32
    private static let lookupBytes = 32

    /// What there is to say of them.
    package let head: Head
    private let file: OpenFile
    private let start: Int

    /// Opens a file of features; throws where it is none, or not what was written.
    init(path: String) throws(FileError) {
        file = try OpenFile(path: path)
        let mark = Self.mark
        let front = mark.count + 8
        let beginning = try file.bytes(0..<min(front, file.count))
        var numbers = ByteReader(Array(beginning.dropFirst(mark.count)))
        guard beginning.starts(with: mark), let count = numbers.integer(), (1...Self.mostHead).contains(count),
            file.count >= front + count + Self.sumBytes
        else { throw Self.unreadable(path) }
        let bytes = try file.bytes(front..<front + count)
        let sum = try file.bytes(front + count..<front + count + Self.sumBytes)
        guard Self.sum(bytes) == sum, let head = Self.head(of: bytes) else { throw Self.unreadable(path) }
        start = front + count + Self.sumBytes
        let (numbersCount, isOver) = head.rows.multipliedReportingOverflow(by: head.width)
        guard head.rows > 0, head.width > 0, !isOver, numbersCount <= file.count,
            file.count - start == 4 * numbersCount
        else {
            throw Self.unreadable(path)
        }
        self.head = head
    }

    private static let changed = "it is not what was written"

    private static func unreadable(_ path: String) -> FileError {
        .notReadable(path: path, reason: changed)
    }

    /// That the numbers are others than were written.
    var damage: FileError { Self.unreadable(file.path) }

    /// Bytes of the numbers.
    package var count: Int { 4 * head.rows * head.width }

    /// Some of the bytes of the numbers.
    package func bytes(_ range: Range<Int>) throws(FileError) -> [UInt8] {
        try file.bytes(start + range.lowerBound..<start + range.upperBound)
    }

    /// All numbers; throws where they are not those that were written.
    func values() throws(FileError) -> [Float] {
        let bytes = try bytes(0..<count)
        var digest = SHA256()
        bytes.withUnsafeBytes { digest.update($0) }
        guard digest.hexDigest.hasBytes(of: head.sha256) else { throw Self.unreadable(file.path) }
        return bytes.withUnsafeBytes { ElementType.float32.floats($0) }
    }

    /// A file's bytes up to the numbers.
    static func beginning(_ head: Head) -> [UInt8] {
        var body = ByteWriter()
        body.block(head.lookup)
        body.text(head.job)
        body.integer(head.rows)
        body.integer(head.width)
        body.text(head.sha256)
        head.made.write(to: &body)
        var front = ByteWriter()
        front.integer(body.bytes.count)
        return mark + front.bytes + body.bytes + sum(body.bytes)
    }

    fileprivate static func head(of bytes: [UInt8]) -> Head? {
        var reader = ByteReader(bytes)
        guard let lookup = reader.block(), lookup.count == lookupBytes, let job = reader.text(),
            let rows = reader.integer(), let width = reader.integer(), let sha256 = reader.text(),
            let made = VideoMade(from: &reader), reader.isAtEnd
        else { return nil }
        return Head(lookup: lookup, job: job, rows: rows, width: width, sha256: sha256, made: made)
    }

    fileprivate static func sum(_ bytes: [UInt8]) -> [UInt8] {
        var digest = SHA256()
        bytes.withUnsafeBytes { digest.update($0) }
        return digest.finalize()
    }
}

extension KeptFeatures {
    /// All of the file, as a job that scores them again has it for its input; throws where the numbers are not those that were written.
    func input() throws(FileError) -> [UInt8] {
        var writer = ByteWriter(Self.beginning(head), reserving: count)
        writer.append(try values())
        return writer.bytes
    }
}

/// Features that were made of a video before, in the input of a job.
struct MadeFeatures: Sendable {
    /// The job that made them.
    let job: JobID
    let head: KeptFeatures.Head
    let values: [Float]

    /// Reads what ``KeptFeatures/input()`` wrote; nil of anything else, and of more numbers than may be.
    init?(_ body: JobBody, most: Int) {
        let front = KeptFeatures.mark.count + 8
        let beginning = body.bytes(in: 0..<front)
        var numbers = ByteReader(Array(beginning.dropFirst(KeptFeatures.mark.count)))
        guard beginning.starts(with: KeptFeatures.mark), let count = numbers.integer(),
            (1...KeptFeatures.mostHead).contains(count), body.count >= front + count + KeptFeatures.sumBytes
        else { return nil }
        let bytes = body.bytes(in: front..<front + count)
        let start = front + count + KeptFeatures.sumBytes
        guard KeptFeatures.sum(bytes) == body.bytes(in: front + count..<start), let head = KeptFeatures.head(of: bytes),
            let job = JobID(head.job)
        else { return nil }
        let (all, isOver) = head.rows.multipliedReportingOverflow(by: head.width)
        guard head.rows > 0, head.width > 0, !isOver, all <= most, body.count - start == 4 * all else { return nil }
        (self.job, self.head) = (job, head)
        values = body.withUnsafeBytes { bytes in
            ElementType.float32.floats(UnsafeRawBufferPointer(rebasing: bytes[start...]))
        }
    }
}

/// What a job that begins with a video works on: the video, or the features that were made of it before.
enum VideoWork: Sendable {
    case video(VideoInput)
    case made(MadeFeatures)

    /// Reads a job's input; nil where it is neither.
    init?(_ body: JobBody, most: Int) {
        if let input = body.count < 4_096 ? body.withUnsafeBytes({ VideoInput(coded: Array($0)) }) : nil {
            self = .video(input)
        } else if let made = MadeFeatures(body, most: most) {
            self = .made(made)
        } else {
            return nil
        }
    }
}
