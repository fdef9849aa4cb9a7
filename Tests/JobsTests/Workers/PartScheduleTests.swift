import TestSupport
import Testing

@testable import Jobs

@Suite("The order of steps")
struct PartScheduleTests {
    private static func token(_ number: UInt64) -> ClaimToken {
        ClaimToken(job: JobID(milliseconds: 1, randomHigh: 0, randomLow: number), secret: number)
    }

    private let a = token(1)
    private let b = token(2)
    private let c = token(3)

    /// A schedule with jobs of so many parts, all planned.
    private func planned(_ jobs: [(ClaimToken, Int)]) -> PartSchedule {
        var schedule = PartSchedule()
        for (token, _) in jobs { schedule.admit(token) }
        for (token, parts) in jobs {
            #expect(schedule.next() == .plan(token))
            #expect(schedule.planned(token, parts: parts) == false)
        }
        return schedule
    }

    @Test("a job goes from plan to parts to finish, and is gone")
    func oneJob() {
        var schedule = PartSchedule()
        schedule.admit(a)
        #expect(schedule.next() == .plan(a))
        #expect(schedule.next() == nil, "no part before the plan")
        #expect(schedule.planned(a, parts: 2) == false)
        #expect(schedule.next() == .part(a, 0))
        #expect(schedule.next() == .part(a, 1))
        #expect(schedule.next() == nil)
        #expect(schedule.partDone(a) == false)
        #expect(schedule.next() == nil, "no finish before the last part is done")
        #expect(schedule.partDone(a) == false)
        #expect(schedule.next() == .finish(a))
        #expect(schedule.next() == nil)
        schedule.finished(a)
        #expect(schedule.count == 0)
    }

    @Test("a job of no parts is put together at once")
    func noParts() {
        var schedule = planned([(a, 0)])
        #expect(schedule.next() == .finish(a))
    }

    @Test("a job alone gets every step")
    func alone() {
        var schedule = planned([(a, 5)])
        #expect((0..<5).map { _ in schedule.next() } == (0..<5).map { .part(a, $0) })
    }

    @Test("jobs take turns, whatever their length")
    func roundRobin() {
        var schedule = planned([(a, 4), (b, 1), (c, 2)])
        let steps = (0..<7).map { _ in schedule.next() }
        #expect(
            steps == [
                .part(a, 0), .part(b, 0), .part(c, 0), .part(a, 1), .part(c, 1), .part(a, 2), .part(a, 3),
            ])
    }

    @Test("a newcomer gets the next turn but those that are due, not after the long job")
    func newcomer() {
        var schedule = planned([(a, 100)])
        for _ in 0..<10 { _ = schedule.next() }
        schedule.admit(b)
        #expect(schedule.next() == .part(a, 10))
        #expect(schedule.next() == .plan(b))
        #expect(schedule.planned(b, parts: 3) == false)
        let steps = (0..<6).map { _ in schedule.next() }
        #expect(steps == [.part(a, 11), .part(b, 0), .part(a, 12), .part(b, 1), .part(a, 13), .part(b, 2)])
    }

    @Test("the end of a job goes before other parts")
    func finishFirst() {
        var schedule = planned([(a, 1), (b, 9)])
        #expect(schedule.next() == .part(a, 0))
        #expect(schedule.partDone(a) == false)
        #expect(schedule.next() == .finish(a))
    }

    @Test("a stopped job gets no step and is gone when the last one under way is over")
    func stop() {
        var schedule = planned([(a, 5), (b, 1)])
        #expect(schedule.next() == .part(a, 0))
        #expect(schedule.next() == .part(b, 0))
        #expect(schedule.next() == .part(a, 1))
        #expect(schedule.stop(a) == false)
        #expect(schedule.next() == nil)
        #expect(schedule.partDone(a) == false)
        #expect(schedule.partDone(a) == true)
        #expect(schedule.count == 1)
        #expect(schedule.stop(a) == false, "it is gone")
    }

    @Test("a job that nobody works on is gone as soon as it is stopped")
    func stopIdle() {
        var schedule = planned([(a, 5)])
        #expect(schedule.stop(a) == true)
        #expect(schedule.next() == nil)
    }

    @Test("a failed step stops its job and no other")
    func failure() {
        var schedule = planned([(a, 3), (b, 1)])
        #expect(schedule.next() == .part(a, 0))
        #expect(schedule.failed(a) == true)
        #expect(schedule.next() == .part(b, 0))
        schedule.admit(c)
        #expect(schedule.next() == .plan(c))
        #expect(schedule.failed(c) == true)
        #expect(schedule.count == 1)
    }

    /// A schedule with one job, planned, which has so many parts and grows.
    private func growing(parts: Int) -> PartSchedule {
        var schedule = PartSchedule()
        schedule.admit(a)
        _ = schedule.next()
        _ = schedule.planned(a, parts: parts, grows: true)
        return schedule
    }

    @Test("a job that grows is prepared one step at a time, and its parts go first")
    func growing() {
        var schedule = PartSchedule()
        schedule.admit(a)
        #expect(schedule.next() == .plan(a))
        #expect(schedule.planned(a, parts: 0, grows: true) == false)
        #expect(schedule.next() == .prepare(a))
        #expect(schedule.next() == nil, "no second one beside the first")
        #expect(schedule.prepared(a, PartsKnown(count: 2, isAll: false)) == false)
        #expect(schedule.supply == .several)
        #expect(schedule.next() == .part(a, 0))
        #expect(schedule.next() == .part(a, 1))
        #expect(schedule.next() == .prepare(a))
        #expect(schedule.partDone(a) == false)
        #expect(schedule.partDone(a) == false)
        #expect(schedule.next() == nil, "there may be more parts, so that it is not put together")
        #expect(schedule.prepared(a, PartsKnown(count: 3, isAll: true)) == false)
        #expect(schedule.next() == .part(a, 2))
        #expect(schedule.next() == nil)
        #expect(schedule.partDone(a) == false)
        #expect(schedule.next() == .finish(a))
    }

    @Test("a job whose last preparation brings no part is put together when its parts are done")
    func lastOfGrowing() {
        var schedule = growing(parts: 1)
        #expect(schedule.next() == .part(a, 0))
        #expect(schedule.next() == .prepare(a))
        #expect(schedule.prepared(a, PartsKnown(count: 1, isAll: true)) == false)
        #expect(schedule.next() == nil, "its part is under way")
        #expect(schedule.partDone(a) == false)
        #expect(schedule.next() == .finish(a))
    }

    @Test("a job that grows takes turns with others")
    func growingBesideOthers() {
        var schedule = planned([(b, 3)])
        schedule.admit(a)
        #expect(schedule.next() == .part(b, 0))
        #expect(schedule.next() == .plan(a))
        _ = schedule.planned(a, parts: 0, grows: true)
        #expect(schedule.next() == .part(b, 1))
        #expect(schedule.next() == .prepare(a))
        #expect(schedule.prepared(a, PartsKnown(count: 0, isAll: false)) == false)
        #expect(schedule.next() == .part(b, 2))
        #expect(schedule.next() == .prepare(a))
    }

    @Test("a job that is stopped while it is prepared is gone after that")
    func stoppedGrowing() {
        var schedule = growing(parts: 0)
        #expect(schedule.next() == .prepare(a))
        #expect(schedule.stop(a) == false)
        #expect(schedule.prepared(a, PartsKnown(count: 1, isAll: false)) == true)
        #expect(schedule.next() == nil)
        #expect(schedule.count == 0)
    }

    @Test(
        "in any order of events each part is given once and each job leaves once",
        arguments: 1...20 as ClosedRange<UInt64>)
    func randomRuns(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var schedule = PartSchedule()
        var underWay: [PartSchedule.Step] = []
        var given: [PartSchedule.Step] = []
        var gone: [ClaimToken: Int] = [:]
        var parts: [ClaimToken: Int] = [:]
        for number in 0..<60 as Range<UInt64> {
            let token = PartScheduleTests.token(number)
            parts[token] = Int.random(in: 0...6, using: &random)
            schedule.admit(token)
        }
        while schedule.count > 0 {
            if Bool.random(using: &random), underWay.count < 5, let step = schedule.next() {
                underWay.append(step)
                given.append(step)
            } else if let index = underWay.indices.randomElement(using: &random) {
                let step = underWay.remove(at: index)
                let left: Bool
                switch (step, Int.random(in: 0..<20, using: &random)) {
                case (_, 0): left = schedule.failed(step.token)
                case (.plan(let token), _):
                    left = schedule.planned(token, parts: parts[token] ?? 0, grows: token.secret.isMultiple(of: 3))
                case (.prepare(let token), let number):
                    parts[token, default: 0] += number % 3
                    left = schedule.prepared(token, PartsKnown(count: parts[token] ?? 0, isAll: number > 15))
                case (.part(let token, _), _): left = schedule.partDone(token)
                case (.finish(let token), _):
                    schedule.finished(token)
                    left = true
                }
                if left { gone[step.token, default: 0] += 1 }
            }
        }
        #expect(gone.count == 60 && gone.values.allSatisfy { $0 == 1 }, "seed \(seed)")
        #expect(underWay.isEmpty, "seed \(seed)")
        let names = given.filter { step in if case .prepare = step { false } else { true } }.map { "\($0)" }
        #expect(Set(names).count == names.count, "seed \(seed): a step was given twice")
    }

    @Test("a job that is tried alone waits for the steps that are under way, and the others for its end")
    func triedAlone() {
        var schedule = planned([(a, 3)])
        #expect(schedule.next() == .part(a, 0))
        schedule.admit(b, alone: true)
        schedule.admit(c)
        #expect(schedule.supply == .none && schedule.next() == nil)
        #expect(schedule.partDone(a) == false)
        #expect(schedule.supply == .one && schedule.next() == .plan(b))
        #expect(schedule.supply == .none && schedule.next() == nil)
        #expect(schedule.planned(b, parts: 2) == false)
        #expect(schedule.supply == .several && schedule.next() == .part(b, 0) && schedule.next() == .part(b, 1))
        #expect(schedule.partDone(b) == false && schedule.next() == nil)
        #expect(schedule.partDone(b) == false && schedule.next() == .finish(b))
        #expect(schedule.next() == nil)
        schedule.finished(b)
        #expect(schedule.alone == nil)
        #expect((0..<3).compactMap { _ in schedule.next() } == [.part(a, 1), .plan(c), .part(a, 2)])
    }

    @Test("a job that has gone on, or was stopped, is not alone any more", arguments: [true, false])
    func notAlone(goesOn: Bool) {
        var schedule = planned([(a, 1)])
        schedule.admit(b, alone: true)
        #expect(schedule.next() == .plan(b))
        #expect(schedule.planned(b, parts: 3) == false && schedule.next() == .part(b, 0))
        if goesOn {
            #expect(schedule.goOn(b) == true)
            #expect(schedule.goOn(b) == false)
        } else {
            #expect(schedule.stop(b) == false)
            #expect(schedule.next() == nil, "its last step is under way")
            #expect(schedule.partDone(b) == true)
        }
        #expect(schedule.next() == .part(a, 0))
    }
}
