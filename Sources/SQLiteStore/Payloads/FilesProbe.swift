import Jobs
import Synchronization

/// Tries what a large upload needs: a file that is written, flushed and named in the folder of bodies.
final class FilesProbe: Sendable {
    /// How long an answer is good: whoever asks more often costs the disk nothing.
    private static let lasts = Duration.seconds(1)
    private static let name = ".probe"

    private let files: BodyFiles
    private let last = Mutex<(at: ContinuousClock.Instant, error: JobStoreError?)?>(nil)

    init(files: BodyFiles) { self.files = files }

    /// Throws what writing a body would throw.
    func check() throws(JobStoreError) {
        let error = last.withLock { last -> JobStoreError? in
            let now = ContinuousClock.now
            if let last, now - last.at < Self.lasts { return last.error }
            let error = attempt()
            last = (now, error)
            return error
        }
        if let error { throw error }
    }

    private func attempt() -> JobStoreError? {
        defer { files.remove(Self.name) }
        do throws(JobStoreError) {
            try files.write(StoredBody([UInt8](repeating: 0x5A, count: 4_096)), to: Self.name)
            return nil
        } catch { return error }
    }
}
