import Jobs
import Synchronization

/// Ends that wait to be written while others are: these go together then, in one transaction.
final class WaitingEnds: Sendable {
    /// An end, and who is told what came of it.
    struct Entry: Sendable {
        let ending: Ending
        let told: @Sendable (Result<Job?, PostgresError>) -> Void
    }

    private struct State {
        var entries: [Entry] = []
        var isWriting = false
    }

    /// An end with a larger output goes by itself.
    static let mostBytes = 256 << 10
    private static let mostTogether = 64

    private let state = Mutex(State())

    /// Adds one; says whether whoever adds it has to see to it that it is written.
    func add(_ entry: Entry) -> Bool {
        state.withLock { state in
            state.entries.append(entry)
            defer { state.isWriting = true }
            return !state.isWriting
        }
    }

    /// The next ones to be written, in the order in which everybody takes the rows of jobs; none where that was all.
    func next() -> [Entry] {
        state.withLock { state in
            let next = state.entries.prefix(Self.mostTogether)
            state.entries.removeFirst(next.count)
            if next.isEmpty { state.isWriting = false }
            return next.sorted { $0.ending.token.job < $1.ending.token.job }
        }
    }
}

extension PostgresJobStore {
    /// Ends a job, with others whose ends come meanwhile.
    func endTogether(_ ending: Ending) async -> Result<Job?, PostgresError> {
        await withCheckedContinuation { continuation in
            let entry = WaitingEnds.Entry(ending: ending) { continuation.resume(returning: $0) }
            if ends.add(entry) { Task { await writeEnds() } }
        }
    }

    private func writeEnds() async {
        while case let entries = ends.next(), !entries.isEmpty {
            let begun = own.withLock { $0.begun }
            let noted = begun?.take() ?? []
            do throws(PostgresError) {
                let jobs = try await writeTogether(entries.map(\.ending), begun: noted)
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
