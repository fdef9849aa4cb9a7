import Synchronization
import Testing

@testable import Platform

@Suite("Threads for work that blocks or takes long")
struct WorkThreadsTests {
    /// Computes until it is told to end, as something does that takes seconds; false where nobody came to say so.
    private static func compute(until isOver: borrowing Atomic<Bool>, _ deadline: Deadline) -> Bool {
        while !isOver.load(ordering: .relaxed) {
            if deadline.moment < .now { return false }
        }
        return true
    }

    private final class Flag: Sendable {
        let isUp = Atomic(false)
        let begun = Atomic(0)
    }

    /// Has a thread at work until the latch is set. Nothing here blocks a thread of Swift's, which may be the only one.
    private static func hold(_ threads: WorkThreads) async -> (work: Task<Void, Never>, latch: BlockingLatch<Void>) {
        let (latch, flag) = (BlockingLatch<Void>(), Flag())
        let work = Task {
            await threads.run {
                flag.begun.add(1, ordering: .relaxed)
                _ = latch.wait(until: Deadline(in: .seconds(300)))
            }
        }
        while flag.begun.load(ordering: .relaxed) < 1 { await Task.yield() }
        return (work, latch)
    }

    private final class Held: Sendable {}

    @Test("what a piece of work had hold of is held by no thread once it is done", .timeLimit(.minutes(10)))
    func letGo() async {
        let threads = WorkThreads(2, name: "test")
        var left = 0
        for round in 0..<2_000 {
            weak var seen: Held?
            do {
                let held = Held()
                seen = held
                // What it captures, and what it gives.
                let work: @Sendable () -> Held = { held }
                if round.isMultiple(of: 2) { _ = await threads.run(work) } else { _ = await threads.runIfWanted(work) }
            }
            if seen != nil { left += 1 }
        }
        #expect(left == 0)
    }

    @Test("tasks go on while all threads compute", .timeLimit(.minutes(10)))
    func tasksGoOn() async {
        let (threads, flag) = (WorkThreads(4, name: "test"), Flag())
        let ends = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    await threads.run {
                        flag.begun.add(1, ordering: .relaxed)
                        return Self.compute(until: flag.isUp, Deadline(in: .seconds(120)))
                    }
                }
            }
            group.addTask {
                while flag.begun.load(ordering: .relaxed) < 4 { await Task.yield() }
                flag.isUp.store(true, ordering: .relaxed)
                return true
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ends == Array(repeating: true, count: 17))
    }

    @Test(
        "no more work is done at a time than there are threads, and all of it in the order in which it came",
        .timeLimit(.minutes(10)))
    func bounded() async {
        let threads = WorkThreads(1, name: "test")
        let log = Monitor<[Int]>([])
        let (blocked, first) = await Self.hold(threads)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<8 {
                group.addTask { await threads.run { log.withLock { $0.append(number) } } }
                while threads.waiting <= number { await Task.yield() }
            }
            #expect(log.withLock { $0.isEmpty })
            first.set(())
        }
        await blocked.value
        #expect(log.withLock { $0 } == Array(0..<8))
    }

    @Test("what nobody waits for any more is left out", .timeLimit(.minutes(10)))
    func leftOut() async {
        let threads = WorkThreads(1, name: "test")
        let (blocked, first) = await Self.hold(threads)
        let wasDone = Flag()
        let unwanted = Task { await threads.runIfWanted { wasDone.isUp.store(true, ordering: .relaxed) } }
        while threads.waiting < 1 { await Task.yield() }
        unwanted.cancel()
        #expect(await unwanted.value == nil)
        first.set(())
        await blocked.value
        let isDone = wasDone.isUp.load(ordering: .relaxed)
        #expect(!isDone)
        #expect(await threads.runIfWanted { 5 } == 5)
    }

    private struct Refusal: Error, Equatable {}

    @Test("an error comes back as it is", .timeLimit(.minutes(10)))
    func errors() async {
        let threads = WorkThreads(2, name: "test")
        await #expect(throws: Refusal()) { try await threads.run { () throws(Refusal) in throw Refusal() } }
        await #expect(throws: Refusal()) {
            try await threads.runIfWanted { () throws(Refusal) -> Int in throw Refusal() }
        }
    }
}
