import Platform
import Testing

@testable import Jobs

@Suite("Parts of a running job", .timeLimit(.minutes(10)))
struct PartResultsTests {
    @Test("are had in order up to the first that is not finished, and none before there is a plan")
    func prefix() async throws {
        let gates = (0..<4).map { _ in ThreadGate() }
        let processor = ScriptedProcessor { _, part in gates[part].pass() }
        let running = try RunningPool(workers: 4, processor: processor)
        let job = try await running.submit(.init(parts: 4))
        for gate in gates { await gate.waitForArrivals(1) }
        #expect(running.pool.partResults(of: job.id, from: 0)?.results == [])
        let watch = running.backlog.watch(job.id)

        // The second part is there, and can't be had before the first.
        gates[1].openForGood()
        #expect(await watch.next(until: MonotonicTime(nanoseconds: .max)) == .changed)
        #expect(running.pool.partResults(of: job.id, from: 0)?.results == [])
        #expect(running.pool.partResults(of: job.id, from: 1)?.results == [1])
        gates[0].openForGood()
        #expect(await watch.next(until: MonotonicTime(nanoseconds: .max)) == .changed)
        #expect(running.pool.partResults(of: job.id, from: 0)?.results == [0, 1])
        #expect(running.pool.partResults(of: job.id, from: 0, limit: 1)?.results == [0])
        #expect(running.pool.partResults(of: job.id, from: 2)?.results == [])
        #expect(running.pool.partResults(of: job.id, from: 9)?.results == [])

        for gate in gates { gate.openForGood() }
        #expect(try await running.end(of: job).status == .succeeded)
        #expect(running.pool.partResults(of: job.id, from: 0) == nil)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("each finished part but the last wakes who follows, so that a reader gets all of them while the job runs")
    func reader() async throws {
        let gate = ThreadGate()
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor { _, _ in gate.pass() })
        let job = try await running.submit(.init(parts: 30))
        let watch = running.backlog.watch(job.id)
        var read: [UInt8] = []
        for part in 0..<29 {
            gate.open(for: 1)
            while read.count <= part {
                read += running.pool.partResults(of: job.id, from: read.count)?.results ?? []
                if read.count <= part { _ = await watch.next(until: MonotonicTime(nanoseconds: .max)) }
            }
        }
        #expect(read == Array(0..<29))
        gate.openForGood()
        #expect(try await running.end(of: job).status == .succeeded)
        await running.pool.drain(within: .seconds(1))
    }

    @Test("a job that this pool does not run has none")
    func unknown() async throws {
        let running = try RunningPool(workers: 1, processor: ScriptedProcessor())
        let id = JobID(milliseconds: 1, randomHigh: 1, randomLow: 1)
        #expect(running.pool.partResults(of: id, from: 0) == nil)
        await running.pool.drain(within: .seconds(1))
    }
}
