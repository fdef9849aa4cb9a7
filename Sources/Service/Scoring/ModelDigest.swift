import Dispatch
import Platform
import Synchronization

/// The SHA-256 of the served model for tasks, which must not block: it takes a while to compute, once.
final class ModelDigest: Sendable {
    private let digest: FileDigest
    private let computing = Mutex<Task<String, Never>?>(nil)

    init(_ digest: FileDigest) { self.digest = digest }

    /// 64 hexadecimal digits. All who ask too early wait for the one thread that computes them.
    var value: String {
        get async {
            if let known = digest.known { return known }
            let task = computing.withLock { computing in
                if let computing { return computing }
                let task = Task { [digest] in
                    await withCheckedContinuation { continuation in
                        DispatchQueue.global().async { continuation.resume(returning: digest.value) }
                    }
                }
                computing = task
                return task
            }
            return await task.value
        }
    }
}
