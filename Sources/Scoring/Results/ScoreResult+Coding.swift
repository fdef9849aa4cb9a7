import Jobs
import Platform
import Tensors
import VadCLIP

/// The stored form of options and results: opaque to Jobs, versioned by its first field.
extension ScoreOptions {
    private static let version = 1
    /// In the number that says whether there are logits: a camera's name comes next.
    private static let cameraFollows = 2

    /// The options as bytes of a job's input.
    var encoded: [UInt8] {
        var writer = ByteWriter()
        write(to: &writer)
        return writer.bytes
    }

    init?(encoded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        self.init(from: &reader)
    }

    func write(to writer: inout ByteWriter) {
        writer.integer(Self.version)
        writer.integer(labels?.count ?? 0)
        for label in labels ?? [] { writer.text(label) }
        writer.double(fps ?? 0)
        writer.floats([segments.threshold, segments.leave])
        writer.integer(segments.minimumSnippets)
        writer.integer(segments.mergeGap)
        writer.integer((logits ? 1 : 0) | (camera == nil ? 0 : Self.cameraFollows))
        if let camera { writer.text(camera) }
    }

    init?(from reader: inout ByteReader) {
        self.init()
        guard reader.integer() == Self.version, let count = reader.integer(), (0...ClassFeatures.most).contains(count)
        else { return nil }
        var labels: [String] = []
        for _ in 0..<count {
            guard let label = reader.text() else { return nil }
            labels.append(label)
        }
        guard let fps = reader.double(), let thresholds = reader.floats(), thresholds.count == 2,
            let minimum = reader.integer(), let gap = reader.integer(), let logits = reader.integer()
        else { return nil }
        self.labels = labels.isEmpty ? nil : labels
        self.fps = fps > 0 ? fps : nil
        segments = SegmentOptions(
            threshold: thresholds[0], leave: thresholds[1], minimumSnippets: minimum, mergeGap: gap)
        self.logits = logits & 1 == 1
        guard logits & Self.cameraFollows != 0 else { return }
        guard let camera = reader.text() else { return nil }
        self.camera = camera
    }
}

extension ScoreResult {
    /// What a result begins with that tells how its video was cut; an older one begins with its options.
    private static let version = 2

    /// In the number that says whether the model is trained: what is to be said of it comes next.
    fileprivate static let caveatFollows = 2
    /// Likewise: the digest of the model that the job was accepted for comes next.
    fileprivate static let otherModelFollows = 8
    /// Likewise: the arithmetic, which is not float32, comes next.
    fileprivate static let computeFollows = 16
    /// Likewise: what there is to say of the video comes next.
    fileprivate static let sourceFollows = 32
    /// Likewise: after that comes the job that made the features, where it is another one.
    fileprivate static let featuresFollow = 64
    /// Likewise: last come pictures of segments.
    fileprivate static let picturesFollow = 128
    /// In the same number: the model is of another family than VadCLIP, whose name and settings come next.
    fileprivate static let kindFollows = 4

    /// Reads a family's name and settings; nil where this build knows no such family.
    fileprivate static func kind(from reader: inout ByteReader) -> ModelKind? {
        guard let name = reader.text(), let family = ModelFamily.named(name), let count = reader.integer(),
            (0...maxSettings).contains(count)
        else { return nil }
        var settings: FamilySettings = [:]
        for _ in 0..<count {
            guard let key = reader.text(), let value = reader.double() else { return nil }
            settings[ByteText(key)] = Float(value)
        }
        return try? ModelKind(family, settings)
    }

    fileprivate static func pictures(from reader: inout ByteReader) -> [SegmentPicture]? {
        guard let count = reader.integer(), (1...ScoreOptions.mostThumbnails).contains(count) else { return nil }
        var pictures: [SegmentPicture] = []
        for _ in 0..<count {
            guard let start = reader.integer(), let jpeg = reader.block() else { return nil }
            pictures.append(SegmentPicture(start: start, jpeg: jpeg))
        }
        return pictures
    }

    private static let maxSettings = 64

    private func writeKind(to writer: inout ByteWriter) {
        writer.text(kind.family.name)
        writer.integer(kind.settings.count)
        for (key, value) in kind.settings.sorted(by: { $0.key.text.utf8.lexicographicallyPrecedes($1.key.text.utf8) }) {
            writer.text(key.text)
            writer.double(Double(value))
        }
    }

    /// Takes the length of a chunk from the beginning of a result; nil, and nothing taken, where it is not there.
    fileprivate static func length(from reader: inout ByteReader) -> Int? {
        var rest = reader
        guard rest.integer() == version, let length = rest.integer(), length > 0 else { return nil }
        reader = rest
        return length
    }

    /// The result as bytes of a job's output.
    var encoded: [UInt8] {
        var writer = ByteWriter()
        if let length {
            writer.integer(Self.version)
            writer.integer(length)
        }
        options.write(to: &writer)
        for text in [model, modelSHA256, featuresSHA256, kernels] { writer.text(text) }
        writer.integer(
            (trained ? 1 : 0) | (caveat == nil ? 0 : Self.caveatFollows) | (kind == .vadCLIP ? 0 : Self.kindFollows)
                | (acceptedForSHA256 == nil ? 0 : Self.otherModelFollows)
                | (compute == .float32 ? 0 : Self.computeFollows) | (source == nil ? 0 : Self.sourceFollows)
                | (source?.featuresOfJob == nil ? 0 : Self.featuresFollow)
                | (pictures.isEmpty ? 0 : Self.picturesFollow))
        if let caveat { writer.text(caveat) }
        if kind != .vadCLIP { writeKind(to: &writer) }
        if let acceptedForSHA256 { writer.text(acceptedForSHA256) }
        if compute != .float32 { writer.text(compute.rawValue) }
        source?.write(to: &writer)
        if let job = source?.featuresOfJob { writer.text(job) }
        writer.integer(labels.count)
        for label in labels { writer.text(label) }
        writer.double(queuedMilliseconds)
        writer.double(scoredMilliseconds)
        writer.floats(logits.coarse)
        writer.floats(logits.fine)
        if !pictures.isEmpty {
            writer.integer(pictures.count)
            for picture in pictures {
                writer.integer(picture.start)
                writer.block(picture.jpeg)
            }
        }
        return writer.bytes
    }

    /// Reads what ``encoded`` wrote; nil where the bytes are no result.
    init?(encoded bytes: [UInt8]) {
        guard let stored = StoredLogits(encoded: bytes), let logits = stored.logits(of: 0..<stored.snippets) else {
            return nil
        }
        self = stored.result
        self.logits = logits
    }
}

/// A stored result, whose logits are read a chunk at a time, so that who wants a few does not hold them all twice.
struct StoredLogits {
    /// All but the logits: of these it has none.
    let result: ScoreResult
    /// The snippets that were scored.
    let snippets: Int
    private let coarse: ByteReader
    private let fine: ByteReader

    /// Looks at what ``ScoreResult/encoded`` wrote; nil where the bytes are no result.
    init?(encoded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        let length = ScoreResult.length(from: &reader)
        guard let options = ScoreOptions(from: &reader), let model = reader.text(), let digest = reader.text(),
            let features = reader.text(), let kernels = reader.text(), let trained = reader.integer(),
            (0...255).contains(trained)
        else { return nil }
        let caveat = trained & ScoreResult.caveatFollows == 0 ? nil : reader.text()
        guard caveat != nil || trained & ScoreResult.caveatFollows == 0,
            let kind = trained & ScoreResult.kindFollows == 0 ? .vadCLIP : ScoreResult.kind(from: &reader)
        else { return nil }
        let other = trained & ScoreResult.otherModelFollows == 0 ? nil : reader.text()
        let compute =
            trained & ScoreResult.computeFollows == 0 ? .float32 : reader.text().flatMap(Compute.init(rawValue:))
        var source = trained & ScoreResult.sourceFollows == 0 ? nil : VideoSource(from: &reader)
        guard source != nil || trained & ScoreResult.sourceFollows == 0 else { return nil }
        if trained & ScoreResult.featuresFollow != 0 {
            guard source != nil, let job = reader.text() else { return nil }
            source?.featuresOfJob = job
        }
        guard other != nil || trained & ScoreResult.otherModelFollows == 0, let compute, let classes = reader.integer(),
            (1...ClassFeatures.most).contains(classes)
        else { return nil }
        var labels: [String] = []
        for _ in 0..<classes {
            guard let label = reader.text() else { return nil }
            labels.append(label)
        }
        guard let queued = reader.double(), let scored = reader.double(), let coarse = reader.floatBytes(),
            let fine = reader.floatBytes(), fine.floatsLeft == coarse.floatsLeft * classes,
            let pictures = trained & ScoreResult.picturesFollow == 0 ? [] : ScoreResult.pictures(from: &reader),
            reader.isAtEnd
        else { return nil }
        result = ScoreResult(
            model: model, modelSHA256: digest, acceptedForSHA256: other, trained: trained & 1 == 1, caveat: caveat,
            kind: kind, length: length, labels: labels,
            logits: Logits(snippets: 0, classes: classes), featuresSHA256: features, kernels: kernels,
            compute: compute, source: source, pictures: pictures, options: options,
            queuedMilliseconds: queued, scoredMilliseconds: scored)
        snippets = coarse.floatsLeft
        self.coarse = coarse
        self.fine = fine
    }

    /// The logits of some of the snippets; nil where there are no such snippets.
    func logits(of range: Range<Int>) -> Logits? {
        let classes = result.labels.count
        guard range.upperBound <= snippets, let coarse = coarse.floats(in: range),
            let fine = fine.floats(in: range.lowerBound * classes..<range.upperBound * classes)
        else { return nil }
        return Logits(snippets: range.count, classes: classes, coarse: coarse, fine: fine)
    }
}

extension VideoSource {
    func write(to writer: inout ByteWriter) {
        for text in [sha256, truncatedBy ?? "", ffmpeg, isolation, recipeSHA256, towerSHA256] { writer.text(text) }
        writer.integer(frames)
        writer.double(fps ?? 0)
        writer.integer(times.count)
        for time in times { writer.double(time) }
    }

    init?(from reader: inout ByteReader) {
        guard let sha256 = reader.text(), let cut = reader.text(), let ffmpeg = reader.text(),
            let isolation = reader.text(), let recipe = reader.text(), let tower = reader.text(),
            let frames = reader.integer(), let fps = reader.double(), let count = reader.integer(), count >= 0
        else { return nil }
        var times: [Double] = []
        for _ in 0..<count {
            guard let time = reader.double() else { return nil }
            times.append(time)
        }
        self.init(
            sha256: sha256, frames: frames, fps: fps > 0 ? fps : nil, times: times,
            truncatedBy: cut.isEmpty ? nil : cut, ffmpeg: ffmpeg, isolation: isolation, recipeSHA256: recipe,
            towerSHA256: tower)
    }
}
