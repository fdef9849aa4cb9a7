import Platform

/// What waits for a thread, and what has one: first come, first served, but that no host has more than its share. It
/// has no threads itself.
struct HostQueue<Work> {
    struct Entry {
        let host: String
        let work: Work
    }

    /// How much there may be at a time.
    struct Limits: Equatable, Sendable {
        /// Threads in all.
        var threads: Int
        /// Threads that are busy with the same host.
        var perHost: Int
        /// What waits for a thread.
        var waiting: Int
    }

    private let limits: Limits
    private var waiting: [Entry] = []
    private var busy: [ByteText: Int] = [:]
    private(set) var threads = 0

    init(limits: Limits) {
        self.limits = limits
    }

    /// Takes something in; false where too much is waiting.
    mutating func enter(_ work: Work, host: String) -> Bool {
        guard waiting.count < limits.waiting else { return false }
        waiting.append(Entry(host: host, work: work))
        return true
    }

    /// What a new thread is to begin with; nil where there is nothing for one, or no room.
    mutating func beginThread() -> Entry? {
        guard threads < limits.threads, let entry = next() else { return nil }
        threads += 1
        return entry
    }

    /// What a thread goes on with after `entry`; nil where it is to end.
    mutating func goOn(after entry: Entry) -> Entry? {
        release(entry.host)
        if let entry = next() { return entry }
        threads -= 1
        return nil
    }

    /// Takes back a beginning: the system gave no thread.
    mutating func abandonThread(for entry: Entry) {
        release(entry.host)
        threads -= 1
    }

    private mutating func next() -> Entry? {
        guard let index = waiting.firstIndex(where: { busy[ByteText($0.host), default: 0] < limits.perHost }) else {
            return nil
        }
        let entry = waiting.remove(at: index)
        busy[ByteText(entry.host), default: 0] += 1
        return entry
    }

    private mutating func release(_ host: String) {
        let count = busy[ByteText(host), default: 0] - 1
        busy[host] = count > 0 ? count : nil
    }
}

extension HostQueue.Entry: Sendable where Work: Sendable {}
