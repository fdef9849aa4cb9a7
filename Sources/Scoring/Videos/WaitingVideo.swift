package import Jobs
import Platform

/// A video of a folder that a job waits with, as both are moved to where servers share them.
package struct WaitingVideo: Sendable {
    private let input: VideoInput
    private let subject: VideoSubject

    /// Nil where what a job says of its video, or its input, can't be read.
    package init?(of job: Job, input: JobBody) {
        guard let subject = VideoSubject(of: job), let input = VideoInput(coded: input.bytes(in: 0..<input.count)),
            !input.token.isEmpty, input.token.utf8.allSatisfy(ASCII.isAlphanumeric)
        else { return nil }
        (self.input, self.subject) = (input, subject)
    }

    /// By what jobs of the same video are known, of a job that waits with one.
    package static func token(of job: Job) -> String? { job.status.isEnded ? nil : VideoSubject(of: job)?.token }

    /// What its file is called in the folder of videos. Jobs of the same video have it together.
    package var fileName: String { VideoShelf.name(input.token) }
    /// The bytes that it has.
    package var bytes: Int { input.bytes }
    /// SHA-256 of the file, in hexadecimal.
    package var sha256: String { input.sha256 }

    /// What the job says of itself, and its input, where all servers have the video by another name.
    package func moved(to file: JobID) -> (subject: JobSubject, input: JobBody) {
        let moved = VideoInput(
            token: "\(file)", bytes: input.bytes, sha256: input.sha256, container: input.container)
        var subject = subject
        subject.token = moved.token
        return (JobSubject(subject.coded), JobBody(moved.coded))
    }
}
