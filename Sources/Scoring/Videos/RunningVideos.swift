import Jobs
import Synchronization

/// Videos that are decoded now, by all that their features depend on and by whose they are: of several jobs with the same one, one decodes
/// it and the others wait for what comes of that.
final class RunningVideos: Sendable {
    /// One among those who want the same features.
    struct Place: Sendable {
        let running: RunningVideos
        let lookup: [UInt8]
        let job: JobID
        /// The features where they have been made meanwhile.
        let kept: @Sendable () -> (job: JobID, head: KeptFeatures.Head, values: [Float])?
    }

    private struct Entry: Sendable {
        weak var run: VideoRun?
    }

    private let runs = Mutex<[[UInt8]: Entry]>([:])

    /// Who makes these features, or has made them; nil where that is for `run` to do from now on.
    func leader(_ lookup: [UInt8], for run: VideoRun) -> VideoRun? {
        runs.withLock { runs in
            if let other = runs[lookup]?.run, other !== run, other.isOfUse { return other }
            runs = runs.filter { $1.run != nil }
            runs[lookup] = Entry(run: run)
            return nil
        }
    }
}
