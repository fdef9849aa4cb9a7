import Jobs
import Logging
import Platform
import PostgresStore
import Synchronization

/// Servers without HTTP, as many as are asked for, in one process on one database: each with its own connections, claims, polls and
/// housekeeping, and with workers that only wait as long as a job takes. Tests/Load/scale.py calls it, and measures the database meanwhile.
///
///     Scale URL NAME=NUMBER…      servers workers clients milliseconds seconds warmup bytes batch depth claims
///
/// Without workers it only submits, without clients it only works on what is there. With `claims` each client of a server claims so many
/// jobs at a time and ends them all at once, and there are no workers: the store alone. On standard output it says `begin` and `end` around what is
/// measured, goes on in between and until it gets a line for each, and then says what was done.
@main
struct Scale {
    static func main() async throws {
        guard CommandLine.arguments.count > 1, let place = ConnectionPlace(CommandLine.arguments[1]) else {
            print("usage: Scale postgres://… NAME=NUMBER…")
            exit(64)
        }
        let numbers = Numbers(CommandLine.arguments.dropFirst(2))
        let tally = Tally()
        var servers: [Server] = []
        for index in 0..<numbers["servers", 1] {
            servers.append(try await Server(place, index, numbers, tally))
        }
        let clients = (0..<numbers["clients", 4]).map { number in
            let server = servers[number % servers.count]
            return Task.detached {
                if numbers["claims", 0] > 0 { return await server.claim(numbers["claims", 0], tally) }
                await server.submit(as: number, numbers, tally)
            }
        }
        await pause(numbers["warmup", 2] * 1_000)
        say("begin")
        _ = readLine()
        let before = tally.counts
        let began = MonotonicTime.now
        await pause(numbers["seconds", 10] * 1_000)
        say("end")
        _ = readLine()
        let after = tally.counts
        let seconds = Double((MonotonicTime.now - began).wholeNanoseconds) / 1e9
        let done = zip(after, before).map { Double($0 - $1) / seconds }
        say(
            "{\"seconds\": \(seconds), \"submits\": \(done[0]), \"ends\": \(done[1]), \"calls\": \(done[2]), \"refused\": \(done[3])}"
        )
        for client in clients { client.cancel() }
        for client in clients { await client.value }
        for server in servers { await server.stop() }
    }

    static func pause(_ milliseconds: Int) async {
        try? await SystemClock().sleep(until: .now + .milliseconds(milliseconds))
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }
}

/// The numbers of the command line.
struct Numbers: Sendable {
    private let values: [String: Int]

    init(_ arguments: some Sequence<String>) {
        var values: [String: Int] = [:]
        for argument in arguments {
            let pieces = argument.split(separator: "=")
            if pieces.count == 2, let number = Int(pieces[1]) { values[String(pieces[0])] = number }
        }
        self.values = values
    }

    subscript(name: String, otherwise: Int) -> Int { values[name] ?? otherwise }
}

/// What was done by all servers.
final class Tally: JobObserver {
    private let submits = Atomic(0)
    private let ends = Atomic(0)
    let calls = Atomic(0)
    let refused = Atomic(0)

    var counts: [Int] {
        [
            submits.load(ordering: .relaxed), ends.load(ordering: .relaxed), calls.load(ordering: .relaxed),
            refused.load(ordering: .relaxed),
        ]
    }

    func submitted(_ jobs: [Job]) { submits.add(jobs.count, ordering: .relaxed) }
    func ended(_ job: Job, writing: Duration?) { ends.add(1, ordering: .relaxed) }
}

/// Waits for as long as a job's part takes.
struct Sleeper: JobProcessor {
    let milliseconds: Int

    func makeScratch() {}
    func plan(_ job: ClaimedJob) throws(JobFailure) -> Int? { milliseconds }
    func partCount(_ plan: Int) -> Int { 1 }
    func process(part: Int, of plan: Int, scratch: inout Void) throws(JobFailure) -> Bool {
        if milliseconds > 0 { _ = poll(nil, 0, Int32(milliseconds)) }
        return true
    }
    /// About what the result of 30 snippets is.
    func finish(_ plan: Int, results: [Bool], timings: JobTimings) throws(JobFailure) -> JobOutput {
        JobOutput(body: [UInt8](repeating: 7, count: 2_000))
    }
}

/// One server.
final class Server: Sendable {
    private let backlog: Backlog
    private let store: PostgresJobStore
    private let pool: WorkerPool<Sleeper>?
    private let tasks: [Task<Void, Never>]

    init(_ place: ConnectionPlace, _ index: Int, _ numbers: Numbers, _ tally: Tally) async throws {
        var settings = PostgresJobStore.Settings()
        settings.connections = numbers["connections", 8]
        settings.server = "scale-\(index)"
        settings.committed = { _, _ in tally.calls.add(1, ordering: .relaxed) }
        var logger = Logger(label: "scale")
        logger.logLevel = .error
        store = try await PostgresJobStore.open(place, settings: settings, logger: logger)
        let backlog = Backlog(
            store: store, limits: .init(maxJobs: numbers["depth", 2_000], maxBytes: 64 << 30), observer: tally,
            logger: logger)
        self.backlog = backlog
        try await backlog.resume()
        let workers = numbers["claims", 0] > 0 ? 0 : numbers["workers", 4]
        if workers > 0 {
            let pool = WorkerPool(
                backlog: backlog, processor: Sleeper(milliseconds: numbers["milliseconds", 30]), workers: workers)
            try pool.start()
            self.pool = pool
        } else {
            pool = nil
        }
        tasks = [
            Task.detached { await ChangePoll(of: backlog).run() },
            Task.detached { await Expiry(of: backlog).run() },
        ]
    }

    /// Submits one after another, and waits a little where the queue is full.
    func submit(as number: Int, _ numbers: Numbers, _ tally: Tally) async {
        var bytes = [UInt8](repeating: 0, count: numbers["bytes", 61_440])
        var seed = UInt64(number + 1)
        for index in bytes.indices {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1
            bytes[index] = UInt8(truncatingIfNeeded: seed >> 33)
        }
        let body = JobBody(bytes)
        while !Task.isCancelled {
            let jobs = (0..<numbers["batch", 1]).map { _ in
                NewJob(
                    kind: "score", subject: JobSubject([1]), input: body, client: "client \(number)", model: "demo",
                    outputEstimate: 4_096)
            }
            do {
                _ = try await backlog.submit(jobs.count == 1 ? Submission(jobs[0]) : Submission(batch: jobs))
            } catch {
                tally.refused.add(1, ordering: .relaxed)
                await Scale.pause(20)
            }
        }
    }

    /// Claims so many jobs, ends them all together, and so on, by the store alone.
    func claim(_ jobs: Int, _ tally: Tally) async {
        let output = JobOutput(body: [UInt8](repeating: 7, count: 2_000))
        while !Task.isCancelled {
            guard let claimed = try? await store.claim(ClaimLimit(jobs: jobs)), !claimed.isEmpty else {
                await Scale.pause(20)
                continue
            }
            await withTaskGroup(of: Void.self) { [store] group in
                for job in claimed {
                    group.addTask {
                        let ended = try? await store.complete(job.token, with: .succeeded(output), timings: nil)
                        if let job = ended ?? nil { tally.ended(job, writing: nil) }
                    }
                }
            }
        }
    }

    func stop() async {
        await pool?.drain(within: .seconds(5))
        for task in tasks { task.cancel() }
        await store.close()
    }
}
