import Platform
import Synchronization

/// A few threads for what blocks. They are made when there is work and end when there is none.
final class HostThreads: Sendable {
    private struct Work: Sendable {
        let run: @Sendable () -> Void
        let drop: @Sendable () -> Void
    }

    /// Enough for the resolver's buffers and OpenSSL.
    private static let stackBytes = 512 << 10

    private let queue: Mutex<HostQueue<Work>>

    init(threads: Int, perHost: Int, waiting: Int) {
        queue = Mutex(HostQueue(limits: .init(threads: threads, perHost: perHost, waiting: waiting)))
    }

    /// Has `run` called on a thread, some time.
    ///
    /// - Parameter drop: called in its place where the system gives no thread
    /// - Returns: false where too much is waiting; neither is called then
    func submit(host: String, run: @escaping @Sendable () -> Void, drop: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, first) = queue.withLock { queue in
            guard queue.enter(Work(run: run, drop: drop), host: host) else {
                return (false, HostQueue<Work>.Entry?.none)
            }
            return (true, queue.beginThread())
        }
        guard let first else { return isTaken }
        let code = OwnThread.run(stackBytes: Self.stackBytes) { self.work(first) }
        if code != 0 {
            queue.withLock { $0.abandonThread(for: first) }
            first.work.drop()
        }
        return true
    }

    private func work(_ first: HostQueue<Work>.Entry) {
        var current: HostQueue<Work>.Entry? = first
        while let entry = current {
            entry.work.run()
            current = queue.withLock { $0.goOn(after: entry) }
        }
    }

    /// How many there are now.
    var count: Int { queue.withLock { $0.threads } }
}
