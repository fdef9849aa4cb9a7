import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Threads for clients that block: Swift's own are the server's.
enum ClientThreads {
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

    private final class Start: Sendable {
        let crew: Crew
        let index: Int

        init(_ crew: Crew, _ index: Int) {
            self.crew = crew
            self.index = index
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
                let failed = start(Start(crew, index))
                guard failed != 0 else { continue }
                code.withLock { $0 = failed }
                return crew.leave(count - index)
            }
        }
        let failed = code.withLock { $0 }
        guard failed == 0 else {
            throw Failure(.internal, "--clients \(count): no thread for each: \(String(cString: strerror(failed)))")
        }
    }

    private static func start(_ start: Start) -> Int32 {
        var thread = pthread_t()
        // The new thread takes over this one reference; if there is no thread it is taken back here.
        let reference = Unmanaged.passRetained(start)
        let code = pthread_create(&thread, nil, begin, reference.toOpaque())
        if code == 0 { pthread_detach(thread) } else { reference.release() }
        return code
    }

    private static let begin: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        start.crew.body(start.index)
        start.crew.leave()
        return nil
    }
}
