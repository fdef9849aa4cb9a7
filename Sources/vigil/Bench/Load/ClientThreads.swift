import Platform
import Synchronization

/// Threads for clients that block: Swift's own are the server's.
enum ClientThreads {
    /// As the system gives it.
    private static let stackBytes = 8 << 20

    private final class Crew: Sendable {
        let body: @Sendable (Int) -> Void
        let left: Atomic<Int>
        let done: CheckedContinuation<Void, Never>

        init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void, _ done: CheckedContinuation<Void, Never>) {
            self.body = body
            left = Atomic(count)
            self.done = done
        }

        func leave(_ count: Int = 1) {
            if left.subtract(count, ordering: .acquiringAndReleasing).newValue == 0 { done.resume() }
        }
    }

    /// Runs `body` on `count` threads and returns once all have ended.
    ///
    /// - Throws: where the system gives no further thread, once those that it gave have ended.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async throws {
        let code = Mutex<Int32>(0)
        await withCheckedContinuation { done in
            let crew = Crew(count, body, done)
            for index in 0..<count {
                let failed = OwnThread.run(name: "vigil-client-\(index)", stackBytes: stackBytes) {
                    crew.body(index)
                    crew.leave()
                }
                guard failed != 0 else { continue }
                code.withLock { $0 = failed }
                return crew.leave(count - index)
            }
        }
        let failed = code.withLock { $0 }
        guard failed == 0 else {
            throw Failure(.internal, "--clients \(count): no thread for each: \(errnoText(failed))")
        }
    }
}
