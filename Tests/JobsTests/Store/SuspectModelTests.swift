import Platform
import TestSupport
import Testing

@testable import Jobs

/// Processes that work on jobs of which some end the process, one after the other, as crews do and without a thread.
private struct Processes {
    let workers: Int
    let clock = ManualClock()
    var random: SeededRandom
    var table = JobTable(settings: .init(resultTTL: .seconds(3_600), resultBudgetBytes: 1 << 30, attempts: 3))
    var hands: [ClaimToken] = []
    var killers: Set<JobID> = []
    /// The jobs that a killer has ended a process beside, with how often.
    var harmed: [JobID: Int] = [:]
    var made: UInt64 = 0

    init(workers: Int, seed: UInt64) {
        self.workers = workers
        random = SeededRandom(seed: seed)
    }

    var all: [JobRecord] { Array(table.records.values) }
    var running: [JobRecord] { hands.compactMap { table.records[$0.job] } }
    var tried: [JobRecord] { running.filter { $0.isSuspect && !$0.hasGoneOn } }

    mutating func insert(isKiller: Bool) {
        made += 1
        let id = JobID(milliseconds: 1 + made, randomHigh: 0, randomLow: made)
        let parts = Bool.random(using: &random) ? 5_000 : Int.random(in: 1...4, using: &random)
        var new = NewJob.sample(parts: parts)
        new.client = Bool.random(using: &random) ? "a" : "b"
        table.add(JobRecord(new, id: id, batch: nil, wall: clock.wall, now: clock.now))
        if isKiller { killers.insert(id) }
    }

    /// As `Crew.beginClaim` has it.
    var limit: ClaimLimit {
        let parts = running.map(\.job.parts)
        let short = parts.filter { !ClaimLimit.isLong(parts: $0) }
        return ClaimLimit(
            jobs: workers + 32 - short.count, parts: max(workers - short.reduce(0, +), 0),
            least: workers + 1 - short.count, long: max(workers - 1, 1) - (parts.count - short.count))
    }

    mutating func claim() {
        var limit = limit
        while case let secret = UInt64(table.records.count) << 32 | random.next() >> 32,
            let record = table.claim(secret: secret, wall: clock.wall, now: clock.now, within: &limit),
            let token = record.holder
        {
            hands.append(token)
        }
        table.checkInvariants()
    }

    /// A worker does something; whoever is tried is worked on alone.
    mutating func work() {
        let busy = (tried.isEmpty ? running : tried).shuffled(using: &random).prefix(workers)
        guard let record = busy.first, let token = record.holder else { return }
        let done = record.job.partsDone + 1
        // A long one goes on for a while before it ends the process, a short one does not.
        if killers.contains(record.job.id), Bool.random(using: &random) { return crash(at: busy.map(\.job.id)) }
        guard done < min(record.job.parts, 4) else {
            guard !killers.contains(record.job.id) else { return crash(at: busy.map(\.job.id)) }
            _ = table.complete(token, with: .done, timings: nil, wall: clock.wall, now: clock.now)
            return hands.removeAll { $0 == token }
        }
        _ = table.reportProgress(token, partsDone: done)
    }

    /// The process ends while workers are at these, and another begins.
    mutating func crash(at work: [JobID]) {
        for id in work where !killers.contains(id) { harmed[id, default: 0] += 1 }
        for token in hands {
            let isAtWork = work.contains(token.job)
            _ = table.takeBack(token.job, wasAtWork: isAtWork, wall: clock.wall, now: clock.now)
        }
        hands = []
    }

    /// A process ends in order.
    mutating func leave() {
        for token in hands { _ = table.release(token, as: .unspent, wall: clock.wall, now: clock.now) }
        hands = []
    }

    /// The jobs that wait though they need not.
    var idlers: [JobID] {
        guard tried.isEmpty else { return [] }
        let limit = limit
        let hasGoneOn = running.contains { $0.isSuspect && $0.hasGoneOn }
        return all.filter { record in
            guard record.job.status == .queued else { return false }
            if !ClaimLimit.isLong(parts: record.job.parts) { return limit.least > 0 }
            return limit.long > 0 && !(record.isSuspect && hasGoneOn)
        }.map(\.job.id)
    }
}

@Suite("Jobs that ran when a process ended, in any number and order")
struct SuspectModelTests {
    @Test(
        "none waits for a long one that has gone on, and who ends the process three times takes nobody with it",
        arguments: [1, 2, 3, 5], 1...40 as ClosedRange<UInt64>)
    func any(workers: Int, seed: UInt64) {
        var processes = Processes(workers: workers, seed: seed)
        for number in 0..<14 { processes.insert(isKiller: number == 4 || number == 9 && seed.isMultiple(of: 2)) }
        for step in 0..<2_000 where processes.all.contains(where: { !$0.job.status.isEnded }) {
            processes.claim()
            #expect(processes.tried.count <= 1, "seed \(seed), step \(step): one is tried at a time")
            #expect(processes.running.count { $0.hasGoneOn } <= 1, "seed \(seed), step \(step): and one has gone on")
            #expect(processes.idlers.isEmpty, "seed \(seed), step \(step)")
            processes.work()
            if UInt8.random(in: 0..<40, using: &processes.random) == 0 { processes.leave() }
        }
        for record in processes.all {
            let isKiller = processes.killers.contains(record.job.id)
            #expect(record.job.status == (isKiller ? .failed : .succeeded), "seed \(seed)")
        }
        #expect(processes.harmed.values.allSatisfy { $0 <= processes.killers.count }, "once by each at most")
    }
}
