import Jobs
import Synchronization

/// Writes of one kind that wait while others are written: these go together then, in one transaction.
final class WaitingWrites<Write: Sendable, Answer: Sendable>: Sendable {
    /// A write, and who is told what came of it.
    struct Entry: Sendable {
        let write: Write
        let told: @Sendable (Result<Answer, PostgresError>) -> Void
    }

    private struct State {
        var entries: [Entry] = []
        var isWriting = false
    }

    /// One that has more bytes goes by itself.
    static var mostBytes: Int { 256 << 10 }
    private static var mostTogether: Int { 64 }

    private let state = Mutex(State())

    /// Adds one; says whether whoever adds it has to see to it that it is written.
    func add(_ entry: Entry) -> Bool {
        state.withLock { state in
            state.entries.append(entry)
            defer { state.isWriting = true }
            return !state.isWriting
        }
    }

    /// The next ones to be written; none where that was all.
    func next() -> [Entry] {
        state.withLock { state in
            let next = Array(state.entries.prefix(Self.mostTogether))
            state.entries.removeFirst(next.count)
            if next.isEmpty { state.isWriting = false }
            return next
        }
    }
}

// MARK: Ends

extension PostgresJobStore {
    /// Ends a job, with others whose ends come meanwhile.
    func endTogether(_ ending: Ending) async -> Result<Job?, PostgresError> {
        await withCheckedContinuation { continuation in
            let isFirst = ends.add(.init(write: ending) { continuation.resume(returning: $0) })
            if isFirst { Task { await writeEnds() } }
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
        return try await pool.run(bytes: bytes) { session throws(PostgresError) in
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

extension PostgresJobStore {
    /// Commits what is handed in, with what others hand in meanwhile: none of it depends on what was handed in before.
    ///
    /// - Parameter statements: those of one submission
    func submitTogether(_ statements: [Statement]) async -> Result<Void, PostgresError> {
        await withCheckedContinuation { continuation in
            let isFirst = submissions.add(.init(write: statements) { continuation.resume(returning: $0) })
            if isFirst { Task { await writeSubmissions() } }
        }
    }

    private func writeSubmissions() async {
        while case let entries = submissions.next(), !entries.isEmpty {
            let statements = entries.flatMap(\.write)
            let demands = settings.requiresSynchronous ? [Standbys.demand] : []
            let result: Result<Void, PostgresError>
            do throws(PostgresError) {
                let bytes = statements.reduce(0) { $0 + $1.bytes }
                try await pool.run(bytes: bytes) { [self] session throws(PostgresError) in
                    _ = try session.run(demands + statements)
                    try confirm(on: session)
                }
                result = .success(())
            } catch { result = .failure(error) }
            for entry in entries { entry.told(result) }
        }
    }
}
