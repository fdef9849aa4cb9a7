#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Why a pool could not begin.
public enum WorkerPoolError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The system gave no thread.
    case noThread(worker: Int, code: Int32)

    /// What was wrong, in a sentence.
    public var description: String {
        switch self {
        case .noThread(let worker, let code):
            "Worker \(worker) got no thread: \(String(cString: strerror(code))) (error \(code))."
        }
    }
}

/// Threads of our own, for work that takes its time.
enum WorkerThread {
    private final class Start: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(name: String, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Room for deep frames with large local arrays; it is only address space until it is used.
    private static let stackBytes = 8 << 20

    /// Runs `body` on a new thread, which ends with it.
    ///
    /// - Parameter name: what tools show; Linux keeps its first 15 bytes.
    /// - Returns: 0, or the system's error code.
    static func run(name: String, body: @escaping @Sendable () -> Void) -> Int32 {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, stackBytes)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))

        // The new thread takes over this one reference; if there is no thread it is taken back here.
        let start = Unmanaged.passRetained(Start(name: name, body: body))
        var thread = pthread_t()
        let code = pthread_create(&thread, &attributes, begin, start.toOpaque())
        if code != 0 { start.release() }
        return code
    }

    /// What a new thread runs: takes over the reference to its ``Start``.
    private static let begin: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        guard let argument else { return nil }
        let start = Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
        nameThisThread(start.name)
        start.body()
        return nil
    }

    /// Names the calling thread by way of /proc, because Swift does not see the call that does it. A thread that could
    /// not be named works as well.
    private static func nameThisThread(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        var name = name
        name.withUTF8 { _ = write(file, $0.baseAddress, min($0.count, 15)) }
        close(file)
    }
}
