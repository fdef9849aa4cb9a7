import Jobs
import Platform
import PostgresStore
import Scoring

/// Takes the videos along that jobs of a folder wait with.
final class VideoMove {
    private let folder: String
    private let target: MoveTarget
    /// How many have been copied.
    private(set) var count = 0

    init(from folder: String, to target: MoveTarget) { (self.folder, self.target) = (folder, target) }

    /// Jobs in runs that are about one video at most: a copied video is the other store's with the jobs of its run, and not for long
    /// without them.
    static func runs(_ jobs: [MovedJob]) -> [ArraySlice<MovedJob>] {
        var runs: [ArraySlice<MovedJob>] = []
        var (start, video) = (0, nil as String?)
        for (index, moved) in jobs.enumerated() {
            guard let token = WaitingVideo.token(of: moved.job) else { continue }
            if let video, !video.hasBytes(of: token) {
                runs.append(jobs[start..<index])
                start = index
            }
            video = token
        }
        return runs + [jobs[start...]]
    }

    /// The same jobs; those that wait with a video are about the one that the other store has then.
    func moved(_ run: ArraySlice<MovedJob>) async throws -> [MovedJob] {
        var file: JobID?
        var jobs: [MovedJob] = []
        for moved in run {
            guard WaitingVideo.token(of: moved.job) != nil else {
                jobs.append(moved)
                continue
            }
            guard let input = moved.plainInput, let video = WaitingVideo(of: moved.job, input: input) else {
                throw Failure(.badData, "job \(moved.job.id): what it says of its video can't be read")
            }
            let known: JobID
            if let file { known = file } else { known = try await copied(video, of: moved.job.id) }
            file = known
            let (subject, body) = video.moved(to: known)
            jobs.append(moved.about(known, subject, body))
        }
        return jobs
    }

    /// Forgets a video that no job has come of.
    func discard(_ jobs: [MovedJob]) async {
        if let file = jobs.lazy.compactMap(\.file).first { await target.discardFile(file) }
    }

    /// Copies a video, and says by which name the other store has it.
    private func copied(_ video: WaitingVideo, of job: JobID) async throws -> JobID {
        let path = "\(folder)/\(video.fileName)"
        let opened: OpenFile
        do throws(FileError) { opened = try OpenFile(path: path) } catch {
            throw Failure(.badData, "job \(job): its video is not there: \(error)")
        }
        let file = try await target.beginFile()
        do {
            try await copy(video, opened, to: file, path)
        } catch {
            await target.discardFile(file)
            throw error
        }
        count += 1
        return file
    }

    private func copy(_ video: WaitingVideo, _ opened: OpenFile, to file: JobID, _ path: String) async throws {
        var digest = SHA256()
        for (part, start) in stride(from: 0, to: video.bytes, by: target.partBytes).enumerated() {
            let bytes: [UInt8]
            do throws(FileError) {
                bytes = try opened.bytes(start..<min(start + target.partBytes, video.bytes))
            } catch { throw Failure(.badData, "\(path): \(error)") }
            bytes.withUnsafeBytes { digest.update($0) }
            try await target.writePart(part, bytes, of: file)
        }
        guard opened.count == video.bytes, digest.hexDigest.hasBytes(of: video.sha256) else {
            throw Failure(.badData, "\(path) is not the video that came: its length or its SHA-256 differs")
        }
    }
}
