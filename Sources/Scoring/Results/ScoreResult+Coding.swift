import Jobs
import VadCLIP

/// The stored form of options and results: opaque to Jobs, versioned by its first field.
extension ScoreOptions {
    private static let version = 1

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
        writer.integer(logits ? 1 : 0)
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
        self.logits = logits == 1
    }
}

extension ScoreResult {
    /// What a result begins with that tells how its video was cut; an older one begins with its options.
    private static let version = 2

    /// Takes the length of a chunk from the beginning of a result; nil, and nothing taken, where it is not there.
    static func length(from reader: inout ByteReader) -> Int? {
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
        writer.integer(trained ? 1 : 0)
        writer.integer(labels.count)
        for label in labels { writer.text(label) }
        writer.double(queuedMilliseconds)
        writer.double(scoredMilliseconds)
        writer.floats(logits.coarse)
        writer.floats(logits.fine)
        return writer.bytes
    }

    init?(encoded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        let length = Self.length(from: &reader)
        guard let options = ScoreOptions(from: &reader), let model = reader.text(), let digest = reader.text(),
            let features = reader.text(), let kernels = reader.text(), let trained = reader.integer(),
            let count = reader.integer(), (0...ClassFeatures.most).contains(count)
        else { return nil }
        var labels: [String] = []
        for _ in 0..<count {
            guard let label = reader.text() else { return nil }
            labels.append(label)
        }
        guard let queued = reader.double(), let scored = reader.double(), let coarse = reader.floats(),
            let fine = reader.floats(), fine.count == coarse.count * count, reader.isAtEnd
        else { return nil }
        var logits = Logits(snippets: coarse.count, classes: count)
        logits.coarse = coarse
        logits.fine = fine
        self.init(
            model: model, modelSHA256: digest, trained: trained == 1, length: length, labels: labels, logits: logits,
            featuresSHA256: features, kernels: kernels, options: options, queuedMilliseconds: queued,
            scoredMilliseconds: scored)
    }
}
