import Platform
import Testing

@testable import Scoring

@Suite("Turns that are shared among clients")
struct FairTurnsTests {
    @Test("who comes after a crowd of one client's has the next turn all the same")
    func crowd() async {
        let turns = FairTurns(places: 2)
        let order = Monitor<[String]>([])
        await turns.enter("crowd")
        await turns.enter("crowd")
        await withTaskGroup(of: Void.self) { group in
            for (index, client) in (["crowd", "crowd", "crowd", "crowd", "other", "third"]).enumerated() {
                group.addTask {
                    await turns.enter(client)
                    order.withLock { $0.append(client) }
                    turns.leave(client)
                }
                // Each waits before the next comes.
                while turns.waiting < index + 1 { await Task.yield() }
            }
            turns.leave("crowd")
            for await _ in group {}
        }
        turns.leave("crowd")
        let found = order.withLock { $0 }
        #expect(Set(found[..<2]) == ["other", "third"], "\(found)")
        #expect(found.count == 6 && turns.waiting == 0)
    }

    @Test("as many go at a time as there are places, whoever they are")
    func places() async {
        let turns = FairTurns(places: 3)
        let inside = Monitor((now: 0, most: 0))
        await withTaskGroup(of: Void.self) { group in
            for client in 0..<40 {
                group.addTask {
                    await turns.enter("\(client % 5)")
                    inside.withLock { inside in
                        inside.now += 1
                        inside.most = max(inside.most, inside.now)
                    }
                    await Task.yield()
                    inside.withLock { $0.now -= 1 }
                    turns.leave("\(client % 5)")
                }
            }
        }
        #expect(inside.withLock { $0.most } <= 3)
    }
}
