import Dispatch
import TestSupport
import Testing

@testable import Webhooks

@Suite("many notices at a time", .timeLimit(.minutes(10)))
struct FairnessTests {
    @Test("the limits hold, nothing is lost, and nothing waits that could run", arguments: 0..<20)
    func queueLaws(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var queue = HostQueue<Int>(limits: .init(threads: 4, perHost: 2, waiting: 50))
        var running: [HostQueue<Int>.Entry] = []
        var waiting: [Int: String] = [:]
        var done: Set<Int> = []
        func check() {
            let perHost = Dictionary(grouping: running, by: \.host).mapValues(\.count)
            #expect(running.count <= 4 && perHost.values.allSatisfy { $0 <= 2 })
            #expect(queue.threads == running.count)
            let couldRun = waiting.values.contains { perHost[$0, default: 0] < 2 }
            #expect(running.count == 4 || !couldRun, "something waits that could run")
        }
        for number in 0..<400 {
            let host = ["a", "a", "a", "b", "c", "d"].randomElement(using: &random)!
            if waiting.count < 50 {
                let isTaken = queue.enter(number, host: host)
                #expect(isTaken)
                waiting[number] = host
                if let entry = queue.beginThread() {
                    waiting[entry.work] = nil
                    running.append(entry)
                }
            } else {
                let isTaken = queue.enter(number, host: host)
                #expect(!isTaken)
            }
            check()
            while !running.isEmpty, Int.random(in: 0..<3, using: &random) > 0 {
                let entry = running.remove(at: Int.random(in: 0..<running.count, using: &random))
                let isNew = done.insert(entry.work).inserted
                #expect(isNew)
                if let next = queue.goOn(after: entry) {
                    waiting[next.work] = nil
                    running.append(next)
                }
                check()
            }
        }
        while let entry = running.popLast() {
            done.insert(entry.work)
            if let next = queue.goOn(after: entry) {
                waiting[next.work] = nil
                running.append(next)
            }
        }
        #expect(waiting.isEmpty && queue.threads == 0 && done.count > 50)
    }

    @Test("a receiver that never answers does not hold up the others, and has two tries at a time")
    func slowHost() async throws {
        let slow = try RawServer { connection in
            connection.readRequest()
            connection.readToEnd()
        }
        defer { slow.stop() }
        let quick = try RawServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        defer { quick.stop() }
        // A busy machine must not bring a try's end into the test.
        let sender = try Senders.make(
            limits: .init(timeout: .seconds(600)),
            resolver: FixedResolver(["slow.test": ["127.0.0.1"], "quick.test": ["127.0.0.1"]]))
        try await withThrowingTaskGroup { group in
            for _ in 0..<20 {
                group.addTask { try await Senders.deliver(to: "http://slow.test:\(slow.port)/", by: sender) }
            }
            for _ in 0..<20 {
                let verdict = try await Senders.deliver(to: "http://quick.test:\(quick.port)/", by: sender)
                #expect(verdict == .delivered)
            }
            #expect(slow.connections <= 2)
            group.cancelAll()
            for try await verdict in group { #expect(verdict.reason == "failed: the delivery was cancelled") }
        }
    }

    @Test("a name server that never answers costs a try its time, and other hosts nothing")
    func slowNameServer() async throws {
        let quick = try RawServer.answering("HTTP/1.1 200 OK\r\n\r\n")
        defer { quick.stop() }
        let resolver = StuckResolver()
        defer { resolver.open() }
        let sender = try Senders.make(
            limits: .init(timeout: .milliseconds(300), tries: 4), resolver: resolver)
        try await withThrowingTaskGroup { group in
            for _ in 0..<3 { group.addTask { try await Senders.deliver(to: "http://stuck.test/", by: sender) } }
            for try await verdict in group {
                #expect(verdict.reason.hasSuffix("the time was over while trying to resolve the name"), "\(verdict)")
            }
        }
        // A busy machine may take longer for one than it has; while the name server is stuck, more tries change nothing.
        var verdict: DeliveryVerdict?
        for _ in 0..<20 where verdict != .delivered {
            verdict = try await Senders.deliver(to: "http://quick.test:\(quick.port)/", by: sender)
        }
        #expect(verdict == .delivered)
    }

    @Test("what is too much is refused at once")
    func tooMany() async throws {
        let slow = try RawServer { connection in
            connection.readRequest()
            connection.readToEnd()
        }
        defer { slow.stop() }
        let sender = try Senders.make(limits: .init(tries: 1, triesPerHost: 1, waiting: 2))
        let url = "http://hooks.test:\(slow.port)/"
        try await withThrowingTaskGroup { group in
            for _ in 0..<10 { group.addTask { try await Senders.deliver(to: url, by: sender) } }
            // One is sent at most, and two wait.
            for _ in 0..<7 {
                let verdict = try await group.next()
                #expect(verdict?.reason == "failed: too many notices are waiting to be sent")
            }
            group.cancelAll()
        }
    }

    @Test("all notices of many hosts arrive, each once, and the threads end")
    func many() async throws {
        let receiver = try RawServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        defer { receiver.stop() }
        let hosts = Dictionary(uniqueKeysWithValues: (0..<10).map { ("h\($0).test", ["127.0.0.1"]) })
        let sender = try Senders.make(resolver: FixedResolver(hosts))
        let port = receiver.port
        try await withThrowingTaskGroup { group in
            for number in 0..<200 {
                group.addTask {
                    let url = try WebhookURL("http://h\(number % 10).test:\(port)/")
                    return await sender.deliver(try Senders.message("n\(number)"), to: url)
                }
            }
            for try await verdict in group { #expect(verdict == .delivered) }
        }
        #expect(Set(receiver.requests.compactMap { $0.fields["webhook-id"] }).count == 200)
        #expect(receiver.requests.count == 200)
        // A thread ends right after the verdict that it gave.
        while sender.threadCount > 0 { await Task.yield() }
    }

    @Test("a task that is cancelled before it asks gets its failure")
    func cancelled() async throws {
        let sender = try Senders.make()
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await Senders.deliver(to: "http://hooks.test:9/", by: sender)
        }
        #expect(try await task.value.reason == "failed: the delivery was cancelled")
    }
}
