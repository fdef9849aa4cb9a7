import Platform

/// The process's limit on open files.
enum Descriptors {
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
