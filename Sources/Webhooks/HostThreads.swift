import HTTPClient
import Platform
import Synchronization

/// A few threads for what blocks. They are made when there is work and end when there is none.
final class HostThreads: Sendable {
    private struct Work: Sendable {
        let run: @Sendable () -> Void
        let drop: @Sendable () -> Void
    }

    /// Enough for the resolver's buffers and OpenSSL.
    private static let stackBytes = 512 << 10

    private let queue: Mutex<HostQueue<Work>>

    init(threads: Int, perHost: Int, waiting: Int) {
        queue = Mutex(HostQueue(limits: .init(threads: threads, perHost: perHost, waiting: waiting)))
    }

    /// Has `run` called on a thread, some time.
    ///
    /// - Parameter drop: called in its place where the system gives no thread
    /// - Returns: false where too much is waiting; neither is called then
    func submit(host: String, run: @escaping @Sendable () -> Void, drop: @escaping @Sendable () -> Void) -> Bool {
        let (isTaken, first) = queue.withLock { queue in
            guard queue.enter(Work(run: run, drop: drop), host: host) else {
                return (false, HostQueue<Work>.Entry?.none)
            }
            return (true, queue.beginThread())
        }
        guard let first else { return isTaken }
        let code = OwnThread.run(stackBytes: Self.stackBytes) { self.work(first) }
        if code != 0 {
            queue.withLock { $0.abandonThread(for: first) }
            first.work.drop()
        }
        return true
    }

    private func work(_ first: HostQueue<Work>.Entry) {
        var current: HostQueue<Work>.Entry? = first
        while let entry = current {
            entry.work.run()
            current = queue.withLock { $0.goOn(after: entry) }
        }
    }

    /// How many there are now.
    var count: Int { queue.withLock { $0.threads } }
}

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

/// Resolves names on threads of its own, so that a name server which does not answer costs a try no more than its time.
final class TimedResolver: Sendable {
    private let resolver: any HostResolver
    private let threads: HostThreads

    /// - Parameter limit: how many names are resolved at a time
    init(_ resolver: any HostResolver, limit: Int, waiting: Int) {
        self.resolver = resolver
        // One thread a host: a name that never resolves must not take the threads from all others.
        threads = HostThreads(threads: limit, perHost: 1, waiting: waiting)
    }

    /// Blocks the thread until the addresses are there.
    func addresses(of host: String, by deadline: Deadline) throws(ClientError) -> [IPAddress] {
        let latch = BlockingLatch<Result<[IPAddress], ResolutionError>>()
        let resolver = resolver
        let isTaken = threads.submit(host: host) {
            guard !latch.isGivenUp else { return }
            do throws(ResolutionError) {
                latch.set(.success(try resolver.addresses(of: host)))
            } catch {
                latch.set(.failure(error))
            }
        } drop: {
            latch.set(.failure(ResolutionError("the system gave no thread to resolve it")))
        }
        guard isTaken else { throw .broken("too many names are being resolved") }
        switch latch.wait(until: deadline) {
        case nil: throw .timedOut(.resolving)
        case .failure(let error): throw .unknownHost(host, "\(error)")
        case .success(let addresses) where addresses.isEmpty: throw .broken("the host \(host) has no address")
        case .success(let addresses): return addresses
        }
    }
}
