import HTTPClient
import Testing

@testable import vigil

@Suite("What a load adds up to")
struct LoadRunTests {
    private let clock = ManualLoadClock()

    /// One client whose requests take as long as `times` says, the last of them from then on.
    private func run(
        _ pace: LoadSchedule.Pace, warmup: Duration = .zero, milliseconds times: [Int],
        outcomes: [LoadOutcome] = [.answered]
    ) throws -> (schedule: LoadSchedule, tally: LoadTally) {
        let schedule = LoadSchedule(pace: pace, begin: clock.now, warmup: warmup, length: .seconds(1))
        let run = LoadRun(schedule, clock: clock, stop: StopFlag())
        var index = 0
        run.work { () throws(ClientError) in
            clock.advance(by: .milliseconds(times[min(index, times.count - 1)]))
            defer { index += 1 }
            return LoadExchange(outcome: outcomes[min(index, outcomes.count - 1)], sent: 10, received: 100)
        }
        return try run.result()
    }

    /// Latencies in milliseconds, one for each request, to ten of them: the histogram keeps three digits.
    private func latencies(_ tally: LoadTally) -> [Int] {
        tally.latencies.recordedValues().flatMap { value in
            Array(repeating: 10 * Int((Double(value.value) / 1e7).rounded()), count: Int(value.count))
        }
    }

    @Test("latency counts from when a request was due, so that a slow answer is a slow answer to those behind it too")
    func fromDue() throws {
        let (schedule, tally) = try run(.open(rate: 10), milliseconds: [250])
        #expect(latencies(tally) == [250, 400, 550, 700])
        #expect(tally.requests == 4 && tally.answered == 4)
        #expect(schedule.unsent == .init(count: 6, behind: .milliseconds(600)))
        #expect(tally.longestLine == .milliseconds(450))
    }

    @Test("one hiccup shows in each request that was due meanwhile, then the line is worked off")
    func hiccup() throws {
        let (schedule, tally) = try run(.open(rate: 10), milliseconds: [10, 300, 10])
        #expect(latencies(tally) == [10, 10, 10, 10, 10, 10, 30, 120, 210, 300])
        #expect(schedule.unsent == nil)
        #expect(tally.answersInWindow == 10)
    }

    @Test("a closed loop sends when the answer came: latency is the answer's own")
    func closed() throws {
        let (_, tally) = try run(.closed, milliseconds: [10, 300, 10, 10, 800])
        #expect(latencies(tally) == [10, 10, 10, 300, 800])
        #expect(tally.requests == 5)
        #expect(tally.answersInWindow == 4, "the last answer came after the window")
    }

    @Test("a warm-up is in no count")
    func warmup() throws {
        let (_, tally) = try run(.closed, warmup: .milliseconds(100), milliseconds: [50, 50, 250])
        #expect(tally.requests == 4 && latencies(tally) == [250, 250, 250, 250])
        #expect(tally.bytesSent == 40 && tally.bytesReceived == 400)
    }

    @Test("errors are counted by what they are and have no latency")
    func errors() throws {
        let outcomes: [LoadOutcome] = [
            .answered, .refused(status: 429), .refused(status: 503), .refused(status: 429), .failed, .broken, .answered,
        ]
        let (_, tally) = try run(.closed, milliseconds: [100], outcomes: outcomes)
        #expect(tally.requests == 10 && tally.answered == 5 && tally.errors == 5)
        #expect(tally.statuses == [429: 2, 503: 1] && tally.failedJobs == 1 && tally.broken == 1)
        #expect(latencies(tally).count == 5)
        #expect(tally.errorText == "429 x 2, 503 x 1, failed jobs x 1, broken connections x 1")
    }

    @Test("a broken connection is counted and the load goes on; a server that is gone ends it")
    func failures() throws {
        let schedule = LoadSchedule(pace: .closed, begin: clock.now, warmup: .zero, length: .seconds(1))
        let run = LoadRun(schedule, clock: clock, stop: StopFlag())
        var index = 0
        run.work { () throws(ClientError) in
            clock.advance(by: .milliseconds(10))
            index += 1
            throw index < 3
                ? .broken("the server ended the connection") : .unreachable("127.0.0.1, port 1", "Connection refused")
        }
        #expect(index == 3)
        #expect(throws: ClientError.unreachable("127.0.0.1, port 1", "Connection refused")) { try run.result() }
    }

    @Test("HTTP's share is the median of the pairs' differences against the median of requests")
    func share() throws {
        let pairs = [(engine: 10.0, request: 11.0), (20, 21.5), (10, 12), (11, 12), (10, 100)]
        let share = try #require(HTTPShare(pairs: pairs))
        #expect(share.engine == 10 && share.request == 12 && share.difference == 1.5 && share.share == 0.125)
        #expect(share.pairs == 5)
        #expect(HTTPShare(pairs: []) == nil)
    }
}
