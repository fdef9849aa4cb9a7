import HTTPClient
import Jobs
import Platform
import Synchronization

/// A phase as its clients share it: each runs `work` on a thread of its own.
final class LoadRun: Sendable {
    private let schedule: Mutex<LoadSchedule>
    private let tally = Mutex(LoadTally())
    private let failure = Mutex<ClientError?>(nil)
    private let clock: any LoadClock
    private let stop: StopFlag

    /// How often a client that waits looks whether it is to stop.
    private static let glance = Duration.milliseconds(100)

    init(_ schedule: LoadSchedule, clock: any LoadClock, stop: StopFlag) {
        self.schedule = Mutex(schedule)
        self.clock = clock
        self.stop = stop
    }

    /// What came of it, once all clients are done; throws where the server was gone.
    func result() throws(ClientError) -> (schedule: LoadSchedule, tally: LoadTally) {
        if let error = failure.withLock({ $0 }) { throw error }
        return (schedule.withLock { $0 }, tally.withLock { $0 })
    }

    /// Sends what is due by way of `exchange`, one request after the other, until the phase is over.
    func work(_ exchange: () throws(ClientError) -> LoadExchange) {
        while case .send(let due, let counted) = turn(), wait(until: due) {
            let begun = clock.now
            var came = LoadExchange(outcome: .broken)
            do throws(ClientError) {
                came = try exchange()
            } catch  where error.isInterruption {
                // It is counted, and the next request opens another connection.
            } catch {
                failure.withLock { $0 = $0 ?? error }
                return end()
            }
            let ended = clock.now
            let window = schedule.withLock { $0.start..<max($0.start, $0.end) }
            tally.withLock {
                $0.record(came, due: due, begun: begun, ended: ended, counted: counted, window: window)
            }
        }
    }

    private func turn() -> LoadSchedule.Turn {
        if stop.isSet { end() }
        return schedule.withLock { $0.next(at: clock.now) }
    }

    private func end() { schedule.withLock { $0.stop(at: clock.now) } }

    /// Whether the time came before the phase was stopped.
    private func wait(until due: MonotonicTime) -> Bool {
        while clock.now < due {
            if stop.isSet { end() }
            guard due < schedule.withLock({ $0.end }) else { return false }
            clock.wait(until: min(due, clock.now + Self.glance))
        }
        return true
    }
}

/// Threads for clients that block: Swift's own are the server's.
enum ClientThreads {
    /// As the system gives it.
    private static let stackBytes = 8 << 20

    private final class Crew: Sendable {
        let body: @Sendable (Int) -> Void
        let left: Atomic<Int>
        let done: CheckedContinuation<Void, Never>

        init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void, _ done: CheckedContinuation<Void, Never>) {
            self.body = body
            left = Atomic(count)
            self.done = done
        }

        func leave(_ count: Int = 1) {
            if left.subtract(count, ordering: .acquiringAndReleasing).newValue == 0 { done.resume() }
        }
    }

    /// Runs `body` on `count` threads and returns once all have ended.
    ///
    /// - Throws: where the system gives no further thread, once those that it gave have ended.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async throws {
        let code = Mutex<Int32>(0)
        await withCheckedContinuation { done in
            let crew = Crew(count, body, done)
            for index in 0..<count {
                let failed = OwnThread.run(name: "vigil-client-\(index)", stackBytes: stackBytes) {
                    crew.body(index)
                    crew.leave()
                }
                guard failed != 0 else { continue }
                code.withLock { $0 = failed }
                return crew.leave(count - index)
            }
        }
        let failed = code.withLock { $0 }
        guard failed == 0 else {
            throw Failure(.internal, "--clients \(count): no thread for each: \(errnoText(failed))")
        }
    }
}
