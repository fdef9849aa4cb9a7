import Platform

/// What the system says of this process, as Prometheus' own clients tell it.
public struct ProcessReading: Sendable, Equatable {
    /// The time that it has had of processors, in nanoseconds.
    public var processorTime = 0
    /// What it has in memory, in bytes.
    public var residentBytes = 0
    /// The addresses that it has taken, in bytes.
    public var virtualBytes = 0
    /// The descriptors that are open.
    public var openDescriptors = 0
    /// How many may be.
    public var mostDescriptors = 0
    /// When it began, in nanoseconds since 1970.
    public var began = 0

    /// As it is now; what can't be found out is zero.
    public init() {
        if let status = try? SmallFile("/proc/self/stat", maxBytes: 4 << 10) { read(status: status.bytes) }
        openDescriptors = Self.countDescriptors()
        var limit = rlimit()
        if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
            mostDescriptors = Int(clamping: limit.rlim_cur)
        }
        var used = timespec()
        if clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0 {
            processorTime = Int(used.tv_sec) * 1_000_000_000 + Int(used.tv_nsec)
        }
    }

    /// Reads proc(5)'s stat, whose fields are counted behind the last parenthesis: the program's name can hold any.
    mutating func read(status bytes: [UInt8]) {
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return }
        let fields = bytes[(end + 1)...].split(separator: ASCII.space).map { field in
            field.reduce(0) { ASCII.isDigit($1) ? $0 &* 10 &+ Int($1 - UInt8(ascii: "0")) : $0 }
        }
        // The first of them is the third of all.
        guard fields.count > 21 else { return }
        virtualBytes = fields[20]
        residentBytes = fields[21] &* sysconf(Int32(_SC_PAGESIZE))
        let ticks = max(sysconf(Int32(_SC_CLK_TCK)), 1)
        began = Self.boot + fields[19] / ticks * 1_000_000_000 + fields[19] % ticks * (1_000_000_000 / ticks)
    }

    /// When the machine began, in nanoseconds since 1970.
    private static let boot: Int = {
        var (wall, up) = (timespec(), timespec())
        clock_gettime(CLOCK_REALTIME, &wall)
        clock_gettime(CLOCK_BOOTTIME, &up)
        return (Int(wall.tv_sec) - Int(up.tv_sec)) * 1_000_000_000 + Int(wall.tv_nsec) - Int(up.tv_nsec)
    }()

    /// Linux 6.2 and later say it at once; others have each of them listed.
    private static func countDescriptors() -> Int {
        var status = stat()
        if stat("/proc/self/fd", &status) == 0, status.st_size > 0 { return Int(status.st_size) }
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // The folder itself, its parent, and the descriptor that reads it.
        return max(count - 3, 0)
    }
}
