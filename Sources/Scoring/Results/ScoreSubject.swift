import Formats
import Jobs
import Platform

/// What a job that scores a video says of itself.
package struct ScoreSubject: Sendable {
    /// The kind of these jobs.
    package static let kind = "score"

    /// The rows of its features.
    package let snippets: Int
    /// The values of a row; 0 where that is not known any more, of a job that ended before it was noted.
    package let width: Int
    /// The SHA-256 of the features.
    package let digest: FeatureDigest
    /// What looked wrong with the features though they can be scored, in plain words.
    package let warnings: [String]
    /// What the client asked for, as ``ScoreOptions/encoded`` writes it; empty where that is not known any more.
    package let options: [UInt8]

    package init(snippets: Int, width: Int, digest: FeatureDigest, warnings: [String] = [], options: [UInt8]) {
        self.snippets = snippets
        self.width = width
        self.digest = digest
        self.warnings = warnings
        self.options = options
    }

    /// What a job says, as it was made or as it was stored; nil where it is of another kind or can't be read.
    package init?(_ kind: String, _ subject: JobSubject) {
        guard kind == Self.kind else { return nil }
        if let value = subject.value as? ScoreSubject { self = value } else { self.init(coded: subject.bytes) }
    }

    package init?(of job: Job) { self.init(job.kind, job.subject) }
}

/// The stored form, opaque to Jobs and versioned by its first field. Version 1 is also what `SQLiteStore/Database/KindStep`
/// makes of the jobs of older folders.
extension ScoreSubject {
    private static let version = 1

    /// The bytes of a job's subject.
    var coded: [UInt8] {
        var writer = ByteWriter()
        writer.integer(Self.version)
        writer.integer(snippets)
        writer.integer(width)
        writer.text(digest.text)
        writer.text(warnings.joined(separator: "\n"))
        writer.block(options)
        return writer.bytes
    }

    init?(coded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.integer() == Self.version, let snippets = reader.integer(), snippets >= 0,
            let width = reader.integer(), width >= 0, let digest = reader.text(), let warnings = reader.text(),
            let options = reader.block(), reader.isAtEnd
        else { return nil }
        self.init(
            snippets: snippets, width: width, digest: FeatureDigest(digest),
            warnings: warnings.utf8.split(separator: ASCII.lineFeed).map { String(Substring($0)) }, options: options)
    }
}

extension ScoreSubject {
    /// The subject of a job, whose bytes are made when they are asked for.
    var job: JobSubject { JobSubject(of: self) { coded } }
}

extension NewJob {
    /// A job that scores features, [rows, width].
    ///
    /// - Parameter shared: the subject where other jobs have the same, by which a store knows that their inputs are the same
    static func score(
        _ features: [Float], _ subject: ScoreSubject, shared: JobSubject? = nil, priority: Priority = .normal,
        client: String = "",
        by model: ModelID,
        parts: Int = 1, outputEstimate: Int = 0
    ) -> NewJob {
        NewJob(
            kind: ScoreSubject.kind, subject: shared ?? subject.job, input: JobBody(features),
            priority: priority, client: client, model: model.name, modelSHA256: model.sha256, parts: parts,
            outputEstimate: outputEstimate)
    }
}

extension JobBody {
    /// The features that the body is; nil where it is not so many.
    func features(_ count: Int) -> [Float]? {
        guard self.count % 4 == 0, self.count / 4 == count else { return nil }
        return floats ?? withUnsafeBytes { ElementType.float32.floats($0) }
    }
}
