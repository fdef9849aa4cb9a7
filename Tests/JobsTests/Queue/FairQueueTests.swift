import Platform
import TestSupport
import Testing

@testable import Jobs

@Suite("The queue of fair shares")
struct FairQueueTests {
    /// Makes jobs, each a second younger than the one before.
    private struct Source {
        var generator = JobIDGenerator()
        var random: SeededRandom
        var seconds: Int64 = 0

        init(seed: UInt64 = 1) { random = SeededRandom(seed: seed) }

        mutating func entry(
            in queue: FairQueue, parts: Int = 1, _ priority: Priority = .normal, after pause: Int64 = 1
        ) -> FairQueue.Entry {
            seconds += pause
            let id = generator.next(at: WallTime(milliseconds: seconds * 1_000), using: &random)
            let time = MonotonicTime(nanoseconds: seconds * 1_000_000_000)
            return queue.entry(id, parts: parts, priority: priority, queuedAt: time)
        }
    }

    @Test("does what its model does, whatever comes and goes", arguments: 1...12 as ClosedRange<UInt64>)
    func random(seed: UInt64) {
        var source = Source(seed: seed)
        var random = SeededRandom(seed: seed)
        var queue = FairQueue(headStart: .seconds(20))
        var model = FairQueueModel()
        for step in 0..<600 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let entry = source.entry(
                    in: queue, parts: Int.random(in: 1...9, using: &random),
                    Priority.allCases.randomElement(using: &random) ?? .normal, after: Int64(step % 7))
                let client = ["a", "b", "c", "d"].randomElement(using: &random) ?? ""
                queue.insert(entry, of: client)
                model.insert(entry, of: client)
            case 5..<7:
                guard let gone = model.waiting.randomElement(using: &random) else { continue }
                let removals = (0..<2).map { _ in queue.remove(gone.entry, of: gone.client) }
                #expect(removals == [true, false])
                _ = model.remove(gone.entry.id)
            default: #expect(queue.popFirst() == model.pop(), "seed \(seed), step \(step)")
            }
            #expect(queue.count == model.waiting.count)
            #expect(queue.parts == model.waiting.reduce(0) { $0 + $1.entry.parts })
            #expect(queue.clients == Set(model.waiting.map(\.client)).count)
            if step % 20 == 0 { comparePlaces(queue, model, "seed \(seed), step \(step)") }
        }
    }

    /// A job's place has to be its index in the order, and the order that of popping.
    private func comparePlaces(_ queue: FairQueue, _ model: FairQueueModel, _ comment: Comment) {
        let order = queue.order
        #expect(order == model.order && order.first == queue.first, comment)
        let parts = Dictionary(uniqueKeysWithValues: model.waiting.map { ($0.entry.id, $0.entry.parts) })
        for waiting in model.waiting {
            let index = order.firstIndex(of: waiting.entry.id) ?? -1
            let before = order.prefix(max(index, 0)).reduce(0) { $0 + (parts[$1] ?? 0) }
            let place = queue.place(of: waiting.entry, client: waiting.client)
            #expect(place == FairQueue.Place(position: index + 1, partsBefore: before), comment)
        }
    }

    @Test("a client with one job waits for at most one job of each other client, however many those have")
    func oneJob() {
        var source = Source()
        var queue = FairQueue(headStart: .seconds(300))
        for client in ["a", "b", "c"] {
            for _ in 0..<200 { queue.insert(source.entry(in: queue), of: client) }
        }
        for _ in 0..<50 { _ = queue.popFirst() }
        let late = source.entry(in: queue)
        queue.insert(late, of: "late")
        #expect(queue.place(of: late, client: "late").position <= 4)
        let next = (0..<4).map { _ in queue.popFirst() }
        #expect(next.contains(late.id))
    }

    @Test("shares are of parts: a client with large jobs gets no more of them than one with small ones")
    func shares() {
        var source = Source()
        var queue = FairQueue(headStart: .seconds(300))
        var clients: [JobID: (name: String, parts: Int)] = [:]
        for turn in 0..<1_000 {
            for (name, parts) in [("large", 50), ("small", 1)] where turn % parts == 0 {
                let entry = source.entry(in: queue, parts: parts)
                clients[entry.id] = (name, parts)
                queue.insert(entry, of: name)
            }
        }
        var had = ["large": 0, "small": 0]
        for _ in 0..<900 {
            guard let id = queue.popFirst(), let client = clients[id] else { break }
            had[client.name, default: 0] += client.parts
            #expect(abs((had["large"] ?? 0) - (had["small"] ?? 0)) <= 50)
        }
    }

    @Test(
        "nobody is starved: of others' parts no more go before a job than its own line and a turn each",
        arguments: 1...5 as ClosedRange<UInt64>)
    func bound(seed: UInt64) {
        var source = Source(seed: seed)
        var random = SeededRandom(seed: seed)
        var queue = FairQueue(headStart: .zero)
        let most = 8
        let other = { (random: inout SeededRandom) in ["x", "y", "z"].randomElement(using: &random) ?? "" }
        for _ in 0..<300 {
            queue.insert(source.entry(in: queue, parts: Int.random(in: 1...most, using: &random)), of: other(&random))
        }
        let own = (0..<10).map { _ in source.entry(in: queue, parts: 4) }
        for entry in own { queue.insert(entry, of: "own") }
        var (ownParts, parts) = (0, 0)
        var left = own.map(\.id)
        while !left.isEmpty, let id = queue.popFirst() {
            if left.first == id {
                left.removeFirst()
                ownParts += 4
            } else {
                parts += most
            }
            // The others go on sending jobs.
            queue.insert(source.entry(in: queue, parts: Int.random(in: 1...most, using: &random)), of: other(&random))
            #expect(parts <= 3 * most * (ownParts + 4 + most))
        }
        #expect(left.isEmpty)
        #expect(ownParts == 40)
    }

    @Test("who stays away saves nothing up")
    func noSaving() {
        var source = Source()
        var queue = FairQueue(headStart: .seconds(300))
        var fromB: Set<JobID> = []
        for _ in 0..<100 { queue.insert(source.entry(in: queue), of: "a") }
        for _ in 0..<50 { _ = queue.popFirst() }
        for _ in 0..<50 {
            let entry = source.entry(in: queue)
            fromB.insert(entry.id)
            queue.insert(entry, of: "b")
        }
        let next = (0..<20).compactMap { _ in queue.popFirst() }
        #expect(abs(next.count { fromB.contains($0) } - 10) <= 1)
    }

    @Test("where clients compete, high has four times the share of normal, and normal four times that of low")
    func priorityShares() {
        for (first, second) in [(Priority.high, Priority.normal), (.normal, .low)] {
            var source = Source()
            var queue = FairQueue(headStart: .seconds(300))
            var ofFirst: Set<JobID> = []
            for _ in 0..<200 {
                let entry = source.entry(in: queue, first)
                ofFirst.insert(entry.id)
                queue.insert(entry, of: "first")
                queue.insert(source.entry(in: queue, second), of: "second")
            }
            let next = (0..<100).compactMap { _ in queue.popFirst() }
            #expect(abs(next.count { ofFirst.contains($0) } - 80) <= 1, "\(first) beside \(second)")
        }
    }

    @Test("a job of a client goes before a lower one that came less than the head start before it, and before no other")
    func ageing() {
        for (higher, lower, levels) in [(Priority.high, Priority.normal, 1), (.normal, .low, 1), (.high, .low, 2)] {
            for (pause, isOvertaken) in [(Int64(100 * levels - 1), true), (Int64(100 * levels + 1), false)] {
                var source = Source()
                var queue = FairQueue(headStart: .seconds(100))
                let old = source.entry(in: queue, lower)
                let new = source.entry(in: queue, higher, after: pause)
                queue.insert(old, of: "a")
                queue.insert(new, of: "a")
                #expect(queue.order == (isOvertaken ? [new.id, old.id] : [old.id, new.id]), "\(higher) \(pause)")
            }
        }
    }

    @Test("a low job among high ones that never end has its turn")
    func lowAmongHigh() {
        var source = Source()
        var queue = FairQueue(headStart: .seconds(100))
        let low = source.entry(in: queue, .low)
        queue.insert(low, of: "a")
        var popped = 0
        while popped < 1_000 {
            queue.insert(source.entry(in: queue, .high), of: "a")
            popped += 1
            if queue.popFirst() == low.id { break }
        }
        #expect(popped == 200, "200 seconds of head start, a job a second")
    }

    @Test("clients that have gone are forgotten, whether the queue is ever empty or not", arguments: [0, 1, 20])
    func forgotten(waiting: Int) {
        var source = Source()
        var queue = FairQueue(headStart: .seconds(100))
        var most = 0
        for client in 0..<3_000 {
            let entry = source.entry(in: queue, parts: 1 + client % 40)
            queue.insert(entry, of: "\(client)")
            if client % 3 == 0, waiting == 0 {
                queue.remove(entry, of: "\(client)")
            } else if queue.count > waiting {
                _ = queue.popFirst()
            }
            most = max(most, queue.lines.count)
        }
        #expect(most <= 2 * (waiting + 33) && queue.count == waiting)
        while queue.popFirst() != nil {}
        #expect(queue.lines.isEmpty && queue.order.isEmpty && queue.clients == 0)
    }
}
