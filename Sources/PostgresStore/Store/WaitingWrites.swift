import Jobs
import Platform
import Synchronization

/// Writes of one kind that wait while others are written: these go together then, in one transaction.
///
/// Whoever writes them does so until none waits. Where that takes long, another begins beside: one commit that stands still holds up
/// no more than those that are in it.
final class WaitingWrites<Write: Sendable, Answer: Sendable>: Sendable {
    /// A write, and who is told what came of it.
    struct Entry: Sendable {
        let write: Write
        let bytes: Int
        /// Until when it waits for others; nil where it waits for as long as it takes.
        var end: MonotonicTime?
        /// When it came.
        var since = MonotonicTime.now
        let told: @Sendable (Result<Answer, PostgresError>) -> Void
    }

    private struct State {
        var entries: [Entry] = []
        var writers = 0
    }

    /// One that has more bytes goes by itself.
    let mostBytes = 256 << 10
    private static var mostTogether: Int { 64 }
    private static var mostBytesTogether: Int { 1 << 20 }
    private static var mostWaiting: Int { 4_096 }
    private static var mostWriters: Int { 4 }
    /// After what wait another begins to write.
    private static var patience: Duration { .milliseconds(250) }

    private let state = Mutex(State())

    /// Adds one; says whether whoever adds it has to write what waits.
    func add(_ entry: Entry) -> Bool {
        let mustWrite = state.withLock { state -> Bool? in
            if entry.end != nil, state.entries.count >= Self.mostWaiting { return nil }
            let oldest = state.entries.first?.since ?? entry.since
            state.entries.append(entry)
            let isSlow = entry.since - oldest > Self.patience && state.writers < Self.mostWriters
            guard state.writers == 0 || isSlow else { return false }
            state.writers += 1
            return true
        }
        if mustWrite == nil {
            entry.told(.failure(.unreachable("\(Self.mostWaiting) writes wait for the database", wasSent: false)))
        }
        return mustWrite ?? false
    }

    /// The next ones to be written; none where that was all, and who asked has no more to do. Those that have waited too long are told so.
    func next() -> [Entry] {
        let now = MonotonicTime.now
        let (next, late) = state.withLock { state in
            var (next, late, bytes, taken) = ([Entry](), [Entry](), 0, 0)
            for entry in state.entries {
                if let end = entry.end, end < now {
                    late.append(entry)
                } else {
                    guard next.count < Self.mostTogether, next.isEmpty || bytes + entry.bytes <= Self.mostBytesTogether
                    else { break }
                    next.append(entry)
                    bytes += entry.bytes
                }
                taken += 1
            }
            state.entries.removeFirst(taken)
            if next.isEmpty { state.writers -= 1 }
            return (next, late)
        }
        for entry in late { entry.told(.failure(.unreachable("other writes took too long", wasSent: false))) }
        return next
    }
}

// MARK: Ends

extension PostgresJobStore {
    /// Ends a job, with others whose ends come meanwhile.
    func endTogether(_ ending: Ending) async -> Result<Job?, PostgresError> {
        await withCheckedContinuation { continuation in
            let mustWrite = ends.add(.init(write: ending, bytes: ending.bytes) { continuation.resume(returning: $0) })
            if mustWrite { Task { await writeEnds() } }
        }
    }

    private func writeEnds() async {
        // Everybody takes the rows of jobs in one order.
        while case let entries = ends.next().sorted(by: { $0.write.token.job < $1.write.token.job }), !entries.isEmpty {
            let begun = own.withLock { $0.begun }
            let noted = begun?.take() ?? []
            do throws(PostgresError) {
                let jobs = try await writeTogether(entries.map(\.write), begun: noted)
                for (entry, job) in zip(entries, jobs) { entry.told(.success(job)) }
            } catch {
                begun?.giveBack(noted)
                for entry in entries { entry.told(.failure(error)) }
            }
        }
    }

    private func writeTogether(_ endings: [Ending], begun: [JobID]) async throws(PostgresError) -> [Job?] {
        let (time, models) = (time, models)
        let bytes = endings.reduce(0) { $0 + $1.bytes }
        return try await pool.run(bytes: bytes, steps: endings.count) { session throws(PostgresError) in
            var statements: [Statement] = []
            if !begun.isEmpty {
                statements.append(BegunJobs.inOrder(endings.map(\.token.job) + begun))
                statements.append(BegunJobs.note(of: begun))
            }
            let first = statements.count
            statements += endings.map { $0.statement(time, models) }
            return try session.run(statements).dropFirst(first).map { answer throws(PostgresError) in
                try Ending.job(answer)
            }
        }
    }
}

// MARK: Submissions

/// What is handed in, to be committed with what others hand in.
struct SharedSubmission: Sendable {
    let bytes: Int
    /// Made where they are sent: to bring an input into its stored form takes a while, and memory.
    let statements: @Sendable () -> [Statement]
}

extension PostgresJobStore {
    /// Commits what is handed in, with what others hand in meanwhile: none of it depends on what was handed in before.
    func submitTogether(_ submission: SharedSubmission) async -> Result<Void, PostgresError> {
        await withCheckedContinuation { continuation in
            let mustWrite = submissions.add(
                .init(write: submission, bytes: submission.bytes, end: .now + ConnectionPool.patience) {
                    continuation.resume(returning: $0)
                })
            if mustWrite { Task { await writeSubmissions() } }
        }
    }

    private func writeSubmissions() async {
        while case let entries = submissions.next(), !entries.isEmpty {
            let result = await write(entries.map(\.write))
            for entry in entries { entry.told(result) }
        }
    }

    private func write(_ submissions: [SharedSubmission]) async -> Result<Void, PostgresError> {
        do throws(PostgresError) {
            // It may have gone while these waited.
            do throws(JobStoreError) { try checkStandby() } catch { throw PostgresError.store(error) }
            let bytes = submissions.reduce(0) { $0 + $1.bytes }
            try await pool.run(bytes: bytes, steps: submissions.count) { [self] session throws(PostgresError) in
                _ = try session.run(demands + submissions.flatMap { $0.statements() })
                try confirm(on: session)
            }
            return .success(())
        } catch { return .failure(error) }
    }
}
