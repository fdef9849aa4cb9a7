import Dispatch
import Jobs
import Synchronization

/// Tries what a large upload needs: a file that is written, flushed and named in the folder of bodies.
final class FilesProbe: Sendable {
    /// How long an answer is good: whoever asks more often costs the disk nothing.
    private static let lasts = Duration.seconds(1)
    private static let name = ".probe"

    private struct State {
        var at: ContinuousClock.Instant?
        var error: JobStoreError?
        var isRunning = false
        var waiting: [CheckedContinuation<JobStoreError?, Never>] = []
    }

    private let files: BodyFiles
    /// Its own: a disk that hangs holds nobody else up.
    private let queue = DispatchQueue(label: "vigil.store.probe")
    private let state = Mutex(State())

    init(files: BodyFiles) { self.files = files }

    /// Whether there is a good answer to be had without waiting: one that is not older than ``check()`` goes by.
    var wasFineJustNow: Bool {
        state.withLock { state in
            guard let at = state.at, state.error == nil else { return false }
            return ContinuousClock.now - at < Self.lasts
        }
    }

    /// Throws what writing a body would throw. All who ask meanwhile get the same answer.
    func check() async throws(JobStoreError) {
        let error = await withCheckedContinuation { continuation in
            enum Turn { case known(JobStoreError?), mine, others }
            let turn = state.withLock { state -> Turn in
                if let at = state.at, !state.isRunning, ContinuousClock.now - at < Self.lasts {
                    return .known(state.error)
                }
                state.waiting.append(continuation)
                if state.isRunning { return .others }
                state.isRunning = true
                return .mine
            }
            switch turn {
            case .known(let error): continuation.resume(returning: error)
            case .others: break
            case .mine: queue.async { self.run() }
            }
        }
        if let error { throw error }
    }

    private func run() {
        let error = attempt()
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            state.at = ContinuousClock.now
            state.error = error
            state.isRunning = false
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: error) }
    }

    private func attempt() -> JobStoreError? {
        defer { files.remove(Self.name) }
        do throws(JobStoreError) {
            try files.write(StoredBody([UInt8](repeating: 0x5A, count: 4_096)), to: Self.name)
            return nil
        } catch { return error }
    }
}
