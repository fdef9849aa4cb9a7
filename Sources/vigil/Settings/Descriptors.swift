import Platform

/// The process's open files: the standard ones, and how many there may be.
enum Descriptors {
    /// Has standard input, output and error be something where they are closed, so that no file that is opened later takes
    /// their place and gets what is meant for them. What is written to them fails.
    static func keepStandard() {
        for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
            _ = open("/dev/null", O_RDONLY)
        }
    }

    /// The most that is asked for: a million connections are beyond any one server.
    private static let most: rlim_t = 1 << 20

    /// Raises the soft limit to the hard one, as servers do: shells begin with 1,024 for programs that use select().
    static func raiseLimit() {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(resource, &limit) == 0, limit.rlim_cur < min(limit.rlim_max, most) else { return }
        limit.rlim_cur = min(limit.rlim_max, most)
        // Refused is no harm: the server then takes as many connections as the limit leaves.
        setrlimit(resource, &limit)
    }
}
