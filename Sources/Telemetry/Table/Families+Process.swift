extension Family {
    /// What Prometheus' own clients tell of a process, by the names that its dashboards know.
    public static let process = [
        processTime, processResident, processVirtual, processDescriptors, processMostDescriptors, processStart,
    ]

    /// Its work.
    public static let processTime = Family(
        "process_cpu_seconds_total", .counter, in: .seconds, "Total user and system CPU time spent in seconds.")
    /// Its memory.
    public static let processResident = Family(
        "process_resident_memory_bytes", .gauge, in: .bytes, "Resident memory size in bytes.")
    /// Its addresses.
    public static let processVirtual = Family(
        "process_virtual_memory_bytes", .gauge, in: .bytes, "Virtual memory size in bytes.")
    /// Its files.
    public static let processDescriptors = Family("process_open_fds", .gauge, "Number of open file descriptors.")
    /// How many it may have.
    public static let processMostDescriptors = Family(
        "process_max_fds", .gauge, "Maximum number of open file descriptors.")
    /// Its beginning.
    public static let processStart = Family(
        "process_start_time_seconds", .gauge, in: .seconds, "Start time of the process since unix epoch in seconds.")
}

/// The buckets, which never change: so sums over servers and releases add up.
extension Family {
    /// Of what a client waits for.
    public static let requestTimes = milliseconds([1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000, 60_000])
    /// Of what can take long where there is much to do.
    public static let jobTimes = requestTimes + milliseconds([300_000, 1_800_000])
    /// Of bodies.
    public static let sizes = [256, 1 << 12, 1 << 16, 1 << 20, 1 << 24, 1 << 27]
}

/// The values that labels can have, where the program knows them all.
extension Family {
    /// What can be short, of ``refused``.
    public enum Shortage: String, Sendable, CaseIterable {
        /// As many jobs wait as may.
        case queue = "queue-full"
        /// Their inputs take what they may.
        case bytes = "bytes-full"
        /// One client has its share.
        case share = "client-share"
        /// One client asks too often.
        case rate
        /// One key has had what it may have in a day.
        case quota
        /// There are as many connections as may be.
        case connections
        /// Answers or uploads take the memory that they may.
        case memory
        /// The store has no room.
        case disk
        /// The store can't be used: its disk has faults, or its folder is not what it was.
        case store
        /// The audit log can't be written, and nothing may be done without.
        case audit
        /// The process is leaving.
        case draining
    }

    /// How a TLS handshake ends, of ``handshakes``.
    public enum HandshakeOutcome: String, Sendable, CaseIterable { case done, failed, closed, plain }

    /// What comes of a try to deliver a callback, of ``callbackTries``.
    public enum CallbackOutcome: String, Sendable, CaseIterable {
        case delivered, failed, refused, gone
        case givenUp = "given-up"
    }
}
