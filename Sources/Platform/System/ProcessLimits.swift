/// How much of the machine this process may use: by its control groups, its affinity, its limits and what there is.
public struct ProcessLimits: Sendable, Equatable {
    /// Processors that are online.
    public let online: Int
    /// Those that the process may run on.
    public let affinity: Int
    /// Processors' worth of time that it may use; nil where that is not limited.
    public let quota: Double?
    /// Bytes of memory that it may use.
    public let memory: Int
    /// What bounds the memory: a file of a control group, `RLIMIT_AS`, or `the machine`.
    public let memorySource: String

    /// What holds now.
    ///
    /// - Parameter groups: what the control groups say
    public init(groups: ControlGroups = ControlGroups()) {
        self.init(
            online: Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), affinity: Self.affinity(), groups: groups,
            addressSpace: Self.addressSpace(),
            installed: Int(sysconf(Int32(_SC_PHYS_PAGES))) * Int(sysconf(Int32(_SC_PAGESIZE))))
    }

    package init(online: Int, affinity: Int?, groups: ControlGroups, addressSpace: Int?, installed: Int) {
        self.online = max(1, online)
        self.affinity = max(1, min(affinity ?? self.online, groups.processors?.value ?? .max))
        quota = groups.quota?.value
        var (least, source) = (installed > 0 ? installed : .max, "the machine")
        if let group = groups.memory, group.value < least { (least, source) = (group.value, group.file) }
        if let addressSpace, addressSpace < least { (least, source) = (addressSpace, "RLIMIT_AS") }
        (memory, memorySource) = (least, source)
    }

    /// What held when it was first asked for.
    public static let atStart = ProcessLimits()

    /// Processors' worth of time that it can have.
    public var processors: Double { min(quota ?? .infinity, Double(affinity)) }

    /// How many threads can compute at a time without being stopped for much of it.
    ///
    /// A thread more than the quota has whole processors gives the rest of it to work, but then all of them are stopped for
    /// what is left of each period. That pays where the rest is a quarter of a processor or more: 1.5 makes 2, 1.2 and 0.3
    /// make 1.
    public var threads: Int { max(1, Int((processors + 0.75).rounded(.down))) }

    /// As people are told of the processors: `1.5 of 4`.
    public var processorText: String {
        let hundredths = Int((processors * 100).rounded())
        let (whole, rest) = hundredths.quotientAndRemainder(dividingBy: 100)
        let fraction = rest == 0 ? "" : rest % 10 == 0 ? ".\(rest / 10)" : rest < 10 ? ".0\(rest)" : ".\(rest)"
        return whole == online && rest == 0 ? "\(online)" : "\(whole)\(fraction) of \(online)"
    }

    /// Bytes of memory that the process has in use, of which some are pages of files; nil where the system does not tell.
    public static var resident: Int? {
        guard let file = try? SmallFile("/proc/self/statm", maxBytes: 4_096) else { return nil }
        let words = file.bytes.split(separator: ASCII.space)
        guard words.count > 1, let pages = ASCII.number(words[1], most: 15) else { return nil }
        return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func affinity(_ status: String = "/proc/self/status") -> Int? {
        let name = "Cpus_allowed_list:"
        let text = (try? SmallFile(status, maxBytes: 1 << 20))?.bytes ?? []
        let line = text.split(separator: ASCII.lineFeed).first { $0.starts(with: name.utf8) }
        return line.flatMap { ControlGroups.count(String(decoding: $0.dropFirst(name.utf8.count), as: UTF8.self)) }
    }

    private static func addressSpace() -> Int? {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0 else { return nil }
        return Int(exactly: limit.rlim_cur)
    }
}
