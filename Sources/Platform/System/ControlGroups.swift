/// What Linux's control groups leave to this process, of both versions, side by side or one alone: in each hierarchy the
/// smallest of what its own group and all above it have, as far as they can be seen.
///
/// Files that are not there, can't be read or hold something else say nothing, and are no limit.
public struct ControlGroups: Sendable, Equatable {
    /// A limit, and the file that sets it.
    public struct Limit<Value: Sendable & Equatable>: Sendable, Equatable {
        /// How much.
        public let value: Value
        /// The file that says so.
        public let file: String
    }

    /// Processors' worth of time in each period; nil where it is not limited.
    public private(set) var quota: Limit<Double>?
    /// How many processors there are to run on; nil where no set is named.
    public private(set) var processors: Limit<Int>?
    /// Bytes of memory that end the process, or hold it up, where it takes more; nil where they are not limited.
    public private(set) var memory: Limit<Int>?

    /// From here on version 1 means no limit: it has none as the largest multiple of a page, whose size differs.
    private static let unlimited = 1 << 60
    /// Groups within groups that are looked at.
    private static let mostLevels = 256

    /// Reads what holds for this process.
    ///
    /// - Parameter root: what stands before the path of each file, for tests
    public init(root: String = "") {
        let mounts = Self.text(root + "/proc/self/mountinfo").map(CgroupMount.all) ?? []
        let memberships = Self.text(root + "/proc/self/cgroup").map(CgroupMembership.all) ?? []
        for membership in memberships {
            for mount in mounts where mount.holds(membership) {
                var folder = Substring(root + mount.path + mount.below(membership.path))
                let top = root + mount.path
                for _ in 0..<Self.mostLevels {
                    look(in: String(folder), isUnified: membership.isUnified)
                    guard folder.utf8.count > top.utf8.count, let slash = folder.utf8.lastIndex(of: ASCII.slash) else {
                        break
                    }
                    folder = folder[..<slash]
                }
            }
        }
    }

    private mutating func look(in folder: String, isUnified: Bool) {
        if isUnified {
            take(quota: Self.unifiedQuota(folder + "/cpu.max"), folder + "/cpu.max")
            take(processors: folder + "/cpuset.cpus.effective")
            take(memory: folder + "/memory.max")
            take(memory: folder + "/memory.high")
        } else {
            take(quota: Self.quota(in: folder), folder + "/cpu.cfs_quota_us")
            take(processors: folder + "/cpuset.effective_cpus")
            take(processors: folder + "/cpuset.cpus")
            take(memory: folder + "/memory.limit_in_bytes")
            take(memoryOfAncestors: folder + "/memory.stat")
        }
    }

    private mutating func take(quota found: Double?, _ file: String) {
        guard let found, found > 0, found < quota?.value ?? .infinity else { return }
        quota = Limit(value: found, file: file)
    }

    private mutating func take(processors file: String) {
        guard let found = Self.text(file).flatMap(Self.count), found < processors?.value ?? .max else { return }
        processors = Limit(value: found, file: file)
    }

    private mutating func take(memory file: String) {
        take(bytes: Self.text(file).flatMap { Self.number($0.utf8) }, file)
    }

    /// Version 1 tells there what groups above allow that can't be seen from here.
    private mutating func take(memoryOfAncestors file: String) {
        let name = "hierarchical_memory_limit "
        let line = Self.text(file)?.utf8.split(separator: ASCII.lineFeed).first { $0.starts(with: name.utf8) }
        take(bytes: line.flatMap { Self.number($0.dropFirst(name.utf8.count)) }, file)
    }

    private mutating func take(bytes found: Int?, _ file: String) {
        guard let found, found > 0, found < min(memory?.value ?? .max, Self.unlimited) else { return }
        memory = Limit(value: found, file: file)
    }

    /// `150000 100000`: microseconds of each period; `max` for no limit.
    private static func unifiedQuota(_ file: String) -> Double? {
        let words = text(file)?.utf8.split(whereSeparator: { ASCII.isBlank($0) || $0 == ASCII.lineFeed }) ?? []
        guard words.count == 2 else { return nil }
        return share(number(words[0]), of: number(words[1]))
    }

    private static func quota(in folder: String) -> Double? {
        let time = text(folder + "/cpu.cfs_quota_us").flatMap { number($0.utf8) }
        return share(time, of: text(folder + "/cpu.cfs_period_us").flatMap { number($0.utf8) })
    }

    private static func share(_ time: Int?, of period: Int?) -> Double? {
        guard let time, let period, time > 0, period > 0 else { return nil }
        return Double(time) / Double(period)
    }

    /// How many processors a list such as `0-3,7` names; nil where it is none.
    static func count(_ list: String) -> Int? {
        var count = 0
        var last = -1
        for range in trimmed(list.utf8).split(separator: ASCII.comma, omittingEmptySubsequences: false) {
            let ends = range.split(separator: ASCII.dash, omittingEmptySubsequences: false).map { number($0) ?? -1 }
            guard (1...2).contains(ends.count), ends[0] > last, let end = ends.last, end >= ends[0], end < 1 << 20
            else { return nil }
            count += end - ends[0] + 1
            last = end
        }
        return count > 0 ? count : nil
    }

    /// A whole number alone; one that no Int holds is the largest.
    private static func number(_ bytes: some BidirectionalCollection<UInt8>) -> Int? {
        let digits = trimmed(bytes)
        guard (1...40).contains(digits.count), digits.allSatisfy(ASCII.isDigit) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self)) ?? .max
    }

    private static func trimmed<Bytes: BidirectionalCollection<UInt8>>(_ bytes: Bytes) -> Bytes.SubSequence {
        func isAround(_ byte: UInt8) -> Bool { ASCII.isBlank(byte) || byte == ASCII.lineFeed }
        let rest = bytes.drop(while: isAround)
        return rest.lastIndex { !isAround($0) }.map { rest[...$0] } ?? rest
    }

    private static func text(_ path: String) -> String? {
        (try? SmallFile(path, maxBytes: 4 << 20)).flatMap { String(validating: $0.bytes, as: UTF8.self) }
    }
}

/// A line of /proc/self/cgroup: in which group of a hierarchy the process is.
struct CgroupMembership: Equatable {
    /// What the hierarchy of version 1 controls; none for that of version 2.
    let controllers: [Substring]
    let path: Substring

    var isUnified: Bool { controllers.isEmpty }

    /// `4:cpu,cpuacct:/some/group`, and `0::/some/group` of version 2.
    static func all(_ text: String) -> [CgroupMembership] {
        text.pieces(between: ASCII.lineFeed).compactMap { line in
            let parts = line.pieces(between: ASCII.colon, most: 2)
            guard parts.count == 3, parts[2].utf8.first == ASCII.slash else { return nil }
            let isUnified = parts[0] == "0" && parts[1].isEmpty
            guard isUnified || !parts[1].isEmpty else { return nil }
            return CgroupMembership(
                controllers: isUnified ? [] : parts[1].pieces(between: ASCII.comma), path: parts[2])
        }
    }
}

/// A line of /proc/self/mountinfo that is a hierarchy of groups.
struct CgroupMount: Equatable {
    let isUnified: Bool
    let controllers: [Substring]
    /// The group that is seen at the place.
    let root: String
    /// The place.
    let path: String

    /// `29 23 0:26 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw`
    static func all(_ text: String) -> [CgroupMount] {
        text.pieces(between: ASCII.lineFeed).compactMap { line in
            let words = line.pieces(between: ASCII.space)
            guard let dash = words.dropFirst(6).firstIndex(of: "-"), dash + 3 < words.count else { return nil }
            let kind = words[dash + 1]
            guard kind == "cgroup" || kind == "cgroup2" else { return nil }
            let path = unescaped(words[4])
            guard path.utf8.first == ASCII.slash else { return nil }
            return CgroupMount(
                isUnified: kind == "cgroup2", controllers: words[dash + 3].pieces(between: ASCII.comma),
                root: unescaped(words[3]), path: path.utf8.count == 1 ? "" : path)
        }
    }

    /// Whether it shows the hierarchy of a group.
    func holds(_ membership: CgroupMembership) -> Bool {
        guard membership.isUnified == isUnified else { return false }
        return isUnified || membership.controllers.contains(where: controllers.contains)
    }

    /// The path of a group from here; empty where it is not below what is seen, as of a container that sees its own alone.
    func below(_ group: Substring) -> String {
        let root = root.utf8.count == 1 ? "" : root
        guard group.utf8.starts(with: root.utf8) else { return "" }
        let rest = Substring(group.utf8.dropFirst(root.utf8.count))
        let parts = rest.pieces(between: ASCII.slash).filter { !$0.isEmpty }
        guard rest.isEmpty || rest.utf8.first == ASCII.slash, !parts.contains("..") else { return "" }
        return parts.map { "/\($0)" }.joined()
    }

    /// The kernel writes blanks, tabs, line ends and backslashes as `\040`.
    private static func unescaped(_ text: Substring) -> String {
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var at = 0
        while at < bytes.count {
            let digits = bytes[min(at + 1, bytes.count)..<min(at + 4, bytes.count)]
            let code = digits.count == 3 ? UInt8(String(decoding: digits, as: UTF8.self), radix: 8) : nil
            if bytes[at] == ASCII.backslash, let code {
                result.append(code)
                at += 4
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}
