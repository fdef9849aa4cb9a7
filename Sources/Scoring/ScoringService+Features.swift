import Jobs
import Platform
import Tensors

/// The features that a job is about, as far as they are stored.
package enum JobFeatures: Sendable {
    /// Those that were made of its video, in a file.
    case kept(KeptFeatures)
    /// Those that came.
    case came([Float], rows: Int, width: Int, sha256: String)

    /// Their rows.
    package var rows: Int {
        switch self {
        case .kept(let features): features.head.rows
        case .came(_, let rows, _, _): rows
        }
    }

    /// Numbers of a row.
    package var width: Int {
        switch self {
        case .kept(let features): features.head.width
        case .came(_, _, let width, _): width
        }
    }

    /// SHA-256 of the numbers, as jobs and results name it.
    package var sha256: String {
        switch self {
        case .kept(let features): features.head.sha256
        case .came(_, _, _, let sha256): sha256
        }
    }

    /// Numbers that came, as a file has them after what it begins with; nil of those that are in a file.
    package func bytes(after front: [UInt8]) async -> [UInt8]? {
        guard case .came(let values, _, _, _) = self else { return nil }
        return await LongWork.run(if: values.count > LongWork.few) {
            var writer = ByteWriter(front, reserving: 4 * values.count)
            writer.append(values)
            return writer.bytes
        }
    }

    /// How they were made; nil of those that came.
    package var made: VideoMade? {
        guard case .kept(let features) = self else { return nil }
        return features.head.made
    }
}

/// Features of jobs, for those who see these.
extension ScoringService {
    /// The features of a job that its caller has seen, with room in memory for those that are no file.
    package func features(
        of job: Job
    ) async throws(ScoringError) -> (features: JobFeatures, share: AnswerBudget.Share?) {
        if VideoSubject(of: job) != nil { return (.kept(try await madeFeatures(of: job)), nil) }
        guard let subject = ScoreSubject(of: job) else { throw Self.notKept(job, "it is about no features") }
        // The numbers, and what is sent of them.
        guard let share = answers.take(8 * subject.snippets * subject.width) else { throw .answersBusy }
        let values = try await input(of: job, subject)
        let sha256 = await LongWork.run(if: values.count > LongWork.few) { subject.digest.text }
        return (.came(values, rows: subject.snippets, width: subject.width, sha256: sha256), share)
    }

    /// The features that came with a job, as long as they are stored.
    func input(of job: Job, _ subject: ScoreSubject) async throws(ScoringError) -> [Float] {
        let input: JobBody?
        do throws(JobStoreError) { input = try await backlog.input(of: job) } catch { throw .store(error) }
        guard let input else {
            throw Self.notKept(
                job, "an upload is kept until its job has ended, and after that for --upload-ttl seconds")
        }
        guard let values = input.features(subject.snippets * subject.width) else {
            throw .store(.damaged(job.id, "its input is not the features that it says"))
        }
        return values
    }

    /// The features that were made of a job's video.
    func madeFeatures(of job: Job) async throws(ScoringError) -> KeptFeatures {
        guard job.status.isEnded else {
            throw .noFeatures(
                "Job \(job.id) is \(job.status.rawValue): its features are to be had once all of them are made; its events "
                    + "bring scores before.", isYetToCome: true)
        }
        guard job.status == .succeeded else { throw Self.notKept(job, "it has \(job.status.rawValue)") }
        let found: KeptFeatures?
        do throws(JobStoreError) { found = try await settings.videos?.archive.find(job.id) } catch {
            throw .store(error)
        }
        guard let features = found else {
            throw Self.notKept(
                job,
                "there was no room for them, as --max-features says, or others have it now: the video makes them again")
        }
        return features
    }

    static func notKept(_ job: Job, _ reason: String) -> ScoringError {
        .noFeatures("The features of job \(job.id) are not kept: \(reason).", isYetToCome: false)
    }
}

extension KeptFeatures {
    /// Passes the numbers on in pieces; throws before the last one where they are not those that were written.
    package func forEachPiece(_ body: ([UInt8]) async throws -> Void) async throws {
        let piece = 256 << 10
        var digest = SHA256()
        var at = 0
        while at < count {
            let range = at..<min(at + piece, count)
            let read = await WorkThreads.blocking.run { [self] () -> Result<[UInt8], FileError> in
                Result { () throws(FileError) in try self.bytes(range) }
            }
            let bytes = try read.get()
            bytes.withUnsafeBytes { digest.update($0) }
            at = range.upperBound
            if at == count, !digest.hexDigest.hasBytes(of: head.sha256) {
                throw damage
            }
            try await body(bytes)
        }
    }
}
