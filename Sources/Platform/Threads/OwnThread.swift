/// Threads of our own, for work that blocks or takes its time: Swift's are for neither.
public enum OwnThread {
    private final class Start: Sendable {
        let name: String?
        let body: @Sendable () -> Void

        init(name: String?, body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    /// Runs `body` on a new thread, which ends with it.
    ///
    /// - Parameters:
    ///   - name: what tools show; Linux keeps its first 15 bytes. Without one it is the program's.
    ///   - stackBytes: only address space until it is used
    ///   - body: runs on the thread
    /// - Returns: 0, or the system's error code
    public static func run(
        name: String? = nil, stackBytes: Int, _ body: @escaping @Sendable () -> Void
    ) -> CInt {
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
        if let name = start.name { nameThisThread(name) }
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
