import Synchronization

/// Whether files have been replaced or written to since they were read.
final class WatchedFiles: Sendable {
    private struct State {
        /// The files as they were when they were last read, with success or not.
        var read: [FileStamp?]
        /// The files as the last look at them found them.
        var seen: [FileStamp?]
    }

    /// Where they are.
    let paths: [String]
    private let state: Mutex<State>

    /// To be made before the files are read, so that no change goes unseen.
    init(_ paths: [String]) {
        self.paths = paths
        let stamps = paths.map { FileStamp($0) }
        state = Mutex(State(read: stamps, seen: stamps))
    }

    /// To be called every few seconds; true once the files have changed and then stood still from one call to the next,
    /// since certificate and key are rarely replaced in the same instant, nor a file written in one. What it was true
    /// for counts as read, so that files that can't be used are complained of once.
    func areDue() -> Bool {
        let stamps = paths.map { FileStamp($0) }
        return state.withLock { state in
            let areStill = stamps == state.seen
            state.seen = stamps
            guard areStill, stamps != state.read else { return false }
            state.read = stamps
            return true
        }
    }

    /// To be called before the files are read for another reason.
    func markRead() {
        let stamps = paths.map { FileStamp($0) }
        state.withLock { $0 = State(read: stamps, seen: stamps) }
    }
}
