import Synchronization

@testable import Jobs

/// A processor that does what a job's subject says, and notes what it did.
struct ScriptedProcessor: JobProcessor {
    /// What a job's subject tells the processor to do.
    struct Script: Sendable {
        var parts: UInt8 = 1
        /// The part that fails; 255 for none, 254 for the plan, 253 for the end; 252 for a
        /// job that is declined once; 251 for one that is interrupted at each of its parts, 250 at the first once.
        var failingAt: UInt8 = 255

        var job: NewJob { .sample(parts: max(Int(parts), 1), subject: [parts, failingAt]) }
    }

    /// One a thread, on purpose not Sendable.
    final class Scratch {
        let number: Int
        init(number: Int) { self.number = number }
    }

    struct Plan: Sendable {
        let id: JobID
        let script: Script
    }

    struct Deed: Hashable, Sendable {
        let id: JobID
        let part: Int
        let scratch: Int
    }

    final class Journal: Sendable {
        let scratches = Mutex(0)
        let deeds = Mutex<[Deed]>([])
        let declined = Mutex<[JobID]>([])

        var parts: [Deed] { deeds.withLock { $0 } }
    }

    let journal = Journal()
    /// What happens in each part, on the worker's thread.
    var inPart: @Sendable (JobID, Int) -> Void = { _, _ in }

    func makeScratch() -> Scratch {
        Scratch(
            number: journal.scratches.withLock { count in
                count += 1
                return count
            })
    }

    func plan(_ job: ClaimedJob) throws(JobFailure) -> Plan? {
        let script = Script(parts: job.subject.bytes[0], failingAt: job.subject.bytes[1])
        if script.failingAt == 254 { throw JobFailure(reason: "plan", detail: "no plan") }
        if script.failingAt == 252, !journal.declined.withLock({ $0.contains(job.id) }) {
            journal.declined.withLock { $0.append(job.id) }
            return nil
        }
        return Plan(id: job.id, script: script)
    }

    func partCount(_ plan: Plan) -> Int { Int(plan.script.parts) }

    func process(part: Int, of plan: Plan, scratch: inout Scratch) throws(JobFailure) -> UInt8 {
        let deed = Deed(id: plan.id, part: part, scratch: scratch.number)
        journal.deeds.withLock { $0.append(deed) }
        inPart(plan.id, part)
        if plan.script.failingAt == 251 || plan.script.failingAt == 250 && isFirst(plan.id) {
            throw JobFailure(reason: "part", detail: "it was cut off.", isPassing: true)
        }
        if part == Int(plan.script.failingAt) { throw JobFailure(reason: "part", detail: "part \(part) broke") }
        return UInt8(part)
    }

    private func isFirst(_ job: JobID) -> Bool {
        journal.declined.withLock { declined in
            defer { declined.append(job) }
            return !declined.contains(job)
        }
    }

    func finish(_ plan: Plan, results: [UInt8], timings: JobTimings) throws(JobFailure) -> JobOutput {
        if plan.script.failingAt == 253 { throw JobFailure(reason: "finish", detail: "no end") }
        return JobOutput(body: results)
    }
}
