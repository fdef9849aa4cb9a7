import Platform

/// Idle workers help those who work on a part alone, until there is a step for them.
extension Crew {
    /// Whom a worker helps, and where.
    struct Help {
        let other: Int
        let place: Processor.Place
        let client: String
    }

    /// Notes where a worker can be helped.
    func sit(_ worker: Int, at place: Processor.Place?) {
        monitor.withLock { $0.places[worker] = place }
    }

    /// Helps for as long as the part takes and nothing else is to be done.
    func lend(_ worker: Int, to help: Help, threadClock: inout ThreadClock) {
        let began = clock.now
        processor.help(at: help.place) { !isWanted.load(ordering: .relaxed) }
        monitor.withLock { $0.helping[worker] = nil }
        backlog.observer.worked(
            WorkStep(
                client: help.client, isPart: false, time: clock.now - began,
                processorTime: threadClock.lap()))
    }
}

extension Crew.State {
    /// Whom `worker` can help: somebody who works on a part and has no help. It is noted.
    mutating func help(by worker: Int) -> Crew.Help? {
        for other in desks.indices where other != worker {
            guard let desk = desks[other], desk.part != nil, let place = places[other],
                !helping.contains(other)
            else {
                continue
            }
            helping[worker] = other
            let client = jobs.first { $0.key.job == desk.job }?.value.claimed.client ?? ""
            return Crew.Help(other: other, place: place, client: client)
        }
        return nil
    }

    /// Whether one of the others has nothing to do, who could help `worker`.
    func hasIdle(beside worker: Int) -> Bool {
        guard places[worker] != nil else { return false }
        return desks.indices.contains {
            $0 != worker && desks[$0] == nil && helping[$0] == nil && places[$0] != nil
        }
    }
}
