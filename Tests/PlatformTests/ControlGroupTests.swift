import Foundation
import TestSupport
import Testing

@testable import Platform

@Suite("What control groups leave to the process")
struct ControlGroupTests {
    @Test("version 2: the smallest of all ancestors, and of memory.max and memory.high")
    func unified() throws {
        let tree = try GroupTree(group: "0::/system.slice/vigil.service", mounts: [.unified()])
        try tree.write("sys/fs/cgroup/system.slice/vigil.service", ["cpu.max": "400000 100000", "memory.max": "max"])
        try tree.write("sys/fs/cgroup/system.slice", ["cpu.max": "150000 100000", "memory.high": "268435456"])
        try tree.write("sys/fs/cgroup", ["cpu.max": "max 100000", "memory.max": "536870912"])
        #expect(tree.groups.quota?.value == 1.5)
        #expect(tree.groups.quota?.file == tree.folder + "/sys/fs/cgroup/system.slice/cpu.max")
        #expect(tree.groups.memory?.value == 268_435_456)
        #expect(tree.groups.memory?.file.hasSuffix("system.slice/memory.high") == true)
        #expect(tree.groups.processors == nil)
    }

    @Test("version 2 in a container that sees its own group alone")
    func namespaced() throws {
        let tree = try GroupTree(group: "0::/", mounts: [.unified()])
        try tree.write("sys/fs/cgroup", ["cpu.max": "30000 100000\n", "cpuset.cpus.effective": "0-1,7\n"])
        #expect(tree.groups.quota?.value == 0.3)
        #expect(tree.groups.processors?.value == 3)
    }

    @Test("version 1: quota and period, what is unlimited, sets, and what cannot be seen of the ancestors")
    func versionOne() throws {
        let tree = try GroupTree(
            group: "4:memory:/docker/abc\n3:cpuset:/docker/abc\n2:cpu,cpuacct:/docker/abc\n1:name=systemd:/",
            mounts: [
                .one("cpu,cpuacct", root: "/docker/abc"), .one("memory", root: "/docker/abc"),
                .one("cpuset", root: "/docker/abc"),
            ])
        try tree.write("sys/fs/cgroup/cpu,cpuacct", ["cpu.cfs_quota_us": "50000", "cpu.cfs_period_us": "20000"])
        let memory = ["memory.limit_in_bytes": "9223372036854771712"]
        try tree.write("sys/fs/cgroup/memory", memory)
        try tree.write("sys/fs/cgroup/cpuset", ["cpuset.cpus": "0-3", "cpuset.effective_cpus": "1,3"])
        #expect(tree.groups.quota?.value == 2.5)
        #expect(tree.groups.processors?.value == 2)
        #expect(tree.groups.memory == nil)
        let stat = "cache 0\nhierarchical_memory_limit 1073741824\nhierarchical_memsw_limit 5\n"
        try tree.write("sys/fs/cgroup/memory", memory.merging(["memory.stat": stat]) { first, _ in first })
        #expect(tree.groups.memory?.value == 1 << 30)
    }

    @Test("version 1 says that there is no limit by -1, and by the largest multiple of any size of page")
    func noLimit() throws {
        let tree = try GroupTree(
            group: "2:cpu:/a/b\n3:memory:/a/b", mounts: [.one("cpu", root: "/"), .one("memory", root: "/")])
        try tree.write("sys/fs/cgroup/cpu/a/b", ["cpu.cfs_quota_us": "-1", "cpu.cfs_period_us": "100000"])
        for bytes in ["9223372036854771712", "9223372036854710272", "18446744073709551615"] {
            try tree.write("sys/fs/cgroup/memory/a/b", ["memory.limit_in_bytes": bytes])
            #expect(tree.groups == ControlGroups(root: "/nowhere/at/all"))
        }
        try tree.write("sys/fs/cgroup/cpu/a", ["cpu.cfs_quota_us": "100000", "cpu.cfs_period_us": "100000"])
        #expect(tree.groups.quota?.value == 1)
    }

    @Test("both versions side by side: what each controls counts")
    func hybrid() throws {
        let tree = try GroupTree(
            group: "5:memory:/m\n1:name=systemd:/s\n0::/s",
            mounts: [.one("memory", root: "/"), .unified("/sys/fs/cgroup/unified")])
        try tree.write("sys/fs/cgroup/memory/m", ["memory.limit_in_bytes": "100000000"])
        try tree.write("sys/fs/cgroup/unified/s", ["cpu.max": "100000 50000"])
        #expect(tree.groups.memory?.value == 100_000_000)
        #expect(tree.groups.quota?.value == 2)
    }

    @Test("a place with blanks in its name is the one that is meant")
    func escapedPlaces() throws {
        let tree = try GroupTree(group: "0::/", mounts: [.unified("/my groups", written: #"/my\040groups"#)])
        try tree.write("my groups", ["cpu.max": "100000 100000"])
        #expect(tree.groups.quota?.value == 1)
    }

    @Test("a group that is not below what is mounted is that of the mount, and none is looked for outside")
    func outside() throws {
        let tree = try GroupTree(group: "0::/../other", mounts: [.unified()])
        try tree.write("sys/fs/cgroup", ["memory.max": "4096"])
        try tree.write("sys/fs/other", ["memory.max": "1"])
        #expect(tree.groups.memory?.value == 4_096)
        let sibling = try GroupTree(group: "2:cpu:/docker/abcd", mounts: [.one("cpu", root: "/docker/abc")])
        try sibling.write("sys/fs/cgroup/cpu", ["cpu.cfs_quota_us": "1000", "cpu.cfs_period_us": "1000"])
        #expect(sibling.groups.quota?.value == 1)
    }

    @Test(
        "what is no number is no limit",
        arguments: ["", "max", "-5", "0", "x 100000", "100000", "100000 0", "1 2 3", "1e5 100000", "\u{0}", "٣ ٣"])
    func garbage(text: String) throws {
        let tree = try GroupTree(group: "0::/", mounts: [.unified()])
        try tree.write(
            "sys/fs/cgroup",
            ["cpu.max": text, "cpuset.cpus.effective": "0-", "memory.max": text == "100000" ? "" : text])
        #expect(tree.groups.quota == nil)
        #expect(tree.groups.processors == nil)
        #expect(tree.groups.memory == nil)
    }

    @Test(
        "lists of processors",
        arguments: [
            ("0", 1), ("0-3", 4), ("0-1,4,6-7\n", 5), ("", nil), ("3-1", nil), ("1,1", nil), ("0-0-0", nil), ("a", nil),
            ("0,", nil), ("0-99999999999", nil),
        ] as [(String, Int?)])
    func lists(text: String, count: Int?) { #expect(ControlGroups.count(text) == count) }

    @Test("nested groups: what counts is the smallest, wherever it stands", arguments: 0..<60)
    func nested(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        let isUnified = Bool.random(using: &random)
        let depth = Int.random(in: 0...6, using: &random)
        let path = (0..<depth).map { "/g\($0)" }
        let tree = try GroupTree(
            group: isUnified ? "0::/\(path.joined().dropFirst())" : "1:cpu,memory:/\(path.joined().dropFirst())",
            mounts: isUnified ? [.unified()] : [.one("cpu,memory", root: "/")])
        var (quotas, memories): ([Double], [Int]) = ([], [])
        for level in 0...depth {
            let folder = "sys/fs/cgroup" + (isUnified ? "" : "/cpu,memory") + path.prefix(level).joined()
            let period = Int.random(in: 1_000...1_000_000, using: &random)
            let quota = Bool.random(using: &random) ? Int.random(in: 1_000...8_000_000, using: &random) : nil
            let memory = Bool.random(using: &random) ? Int.random(in: 4_096...(1 << 40), using: &random) : nil
            if let quota { quotas.append(Double(quota) / Double(period)) }
            if let memory { memories.append(memory) }
            if isUnified {
                let name = Bool.random(using: &random) ? "memory.max" : "memory.high"
                try tree.write(
                    folder,
                    ["cpu.max": "\(quota.map { "\($0)" } ?? "max") \(period)", name: memory.map { "\($0)" } ?? "max"])
            } else {
                try tree.write(
                    folder,
                    [
                        "cpu.cfs_quota_us": "\(quota ?? -1)", "cpu.cfs_period_us": "\(period)",
                        "memory.limit_in_bytes": "\(memory ?? 9_223_372_036_854_771_712)",
                    ])
            }
        }
        #expect(tree.groups.quota?.value == quotas.min())
        #expect(tree.groups.memory?.value == memories.min())
    }

    @Test("files with anything in them are read without harm, and set no limit that is none", arguments: 0..<40)
    func mutated(seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        func mutated(_ text: String) -> String {
            var bytes = Array(text.utf8)
            for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            return String(decoding: bytes, as: UTF8.self)
        }
        let tree = try GroupTree(
            group: mutated("2:cpu:/a\n0::/a/b\n"), mounts: [.unified(), .one("cpu", root: "/")], change: mutated)
        let values = ["cpu.max": "100000 100000", "memory.max": "4096", "cpuset.cpus.effective": "0-3"]
        try tree.write("sys/fs/cgroup/a/b", values.mapValues(mutated))
        let groups = tree.groups
        #expect((groups.quota?.value ?? 1) > 0)
        #expect((groups.memory?.value ?? 1) > 0)
        #expect((groups.processors?.value ?? 1) > 0)
    }
}

@Suite("How much of the machine the process may use")
struct ProcessLimitTests {
    private func limits(
        online: Int = 8, affinity: Int? = 8, quota: String = "max 100000", memory: String = "max", space: Int? = nil
    ) throws -> ProcessLimits {
        let tree = try GroupTree(group: "0::/", mounts: [.unified()])
        try tree.write("sys/fs/cgroup", ["cpu.max": quota, "memory.max": memory])
        return ProcessLimits(
            online: online, affinity: affinity, groups: tree.groups, addressSpace: space, installed: 1 << 34)
    }

    @Test(
        "a fraction of a processor is a thread where it is a quarter or more, and there is always one",
        arguments: [
            (30_000, 1), (100_000, 1), (120_000, 1), (125_000, 2), (150_000, 2), (200_000, 2), (205_000, 2),
            (250_000, 3), (799_000, 8), (800_000, 8), (9_900_000, 8),
        ])
    func threads(quota: Int, count: Int) throws {
        #expect(try limits(quota: "\(quota) 100000").threads == count)
    }

    @Test(
        "the affinity counts where it is smaller than the quota, and processors that are online where there is neither")
    func affinity() throws {
        #expect(try limits(affinity: 2, quota: "400000 100000").threads == 2)
        #expect(try limits(affinity: nil).threads == 8)
        #expect(try limits(online: 0, affinity: nil).threads == 1)
    }

    @Test("memory is the smallest of group, address space and machine, and says which")
    func memory() throws {
        #expect(try limits().memory == 1 << 34)
        #expect(try limits().memorySource == "the machine")
        #expect(try limits(memory: "1000000").memory == 1_000_000)
        #expect(try limits(memory: "1000000").memorySource.hasSuffix("/memory.max"))
        #expect(try limits(memory: "1000000", space: 5_000).memorySource == "RLIMIT_AS")
        #expect(try limits(memory: "\(1 << 40)").memorySource == "the machine")
    }

    @Test(
        "processors as people are told of them",
        arguments: [
            ("max 100000", "8"), ("150000 100000", "1.5 of 8"), ("30000 100000", "0.3 of 8"),
            ("105000 100000", "1.05 of 8"), ("133333 100000", "1.33 of 8"), ("200000 100000", "2 of 8"),
        ])
    func text(quota: String, text: String) throws { #expect(try limits(quota: quota).processorText == text) }

    @Test("what holds here is some of the machine")
    func here() throws {
        let here = ProcessLimits()
        #expect((1...here.online).contains(here.affinity) || here.affinity > 0)
        #expect((1...here.affinity).contains(here.threads))
        #expect(here.memory > 1 << 20)
        #expect(try #require(ProcessLimits.resident) > 1 << 20)
    }
}

/// A made-up /proc/self and the files that it leads to.
private final class GroupTree {
    struct Mount {
        let line: String

        static func unified(_ path: String = "/sys/fs/cgroup", written: String? = nil) -> Mount {
            Mount(line: "29 23 0:26 / \(written ?? path) rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate")
        }

        static func one(_ controllers: String, root: String) -> Mount {
            Mount(line: "30 23 0:27 \(root) /sys/fs/cgroup/\(controllers) rw - cgroup cgroup rw,\(controllers)")
        }
    }

    private let scratch: ScratchFolder
    var folder: String { scratch.path }
    /// What the process is told there.
    var groups: ControlGroups { ControlGroups(root: folder) }

    init(group: String, mounts: [Mount], change: (String) -> String = { $0 }) throws {
        scratch = try ScratchFolder()
        let others = ["22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw", "23 22 0:21 / /sys rw shared:7 - sysfs sysfs rw"]
        let lines = others + mounts.map(\.line)
        try write("proc/self", ["cgroup": group, "mountinfo": change(lines.joined(separator: "\n") + "\n")])
    }

    func write(_ path: String, _ files: [String: String]) throws {
        let place = folder + "/" + path
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        for (name, text) in files { try Data(text.utf8).write(to: URL(filePath: "\(place)/\(name)")) }
    }
}
