import Platform

/// Workers who have nothing to do help those who work on a part, until there is a step for them.
///
/// There is help only where a processor would stand idle: a server whose workers, or processors, are all at work does what it
/// would do without. One who waits for a step is asleep, and is woken once for a part to help with; one who helps looks whether
/// there is a step between two operations.
extension Crew {
    /// Whom a worker helps, and with what.
    struct Help {
        let other: Int
        let desk: Desk
        let client: String
        let place: Processor.Place
    }

    /// Helps for as long as the part takes and nothing else is to be done. Its time counts as a step's.
    func lend(_ worker: Int, to help: Help, threadClock: inout ThreadClock) {
        let began = clock.now
        let end = help.place.help { !isWanted.load(ordering: .relaxed) }
        let time = clock.now - began
        monitor.withLock { state in
            state.helping[worker] = nil
            state.endHelp(end, of: help.other, at: help.desk)
            state.jobs[help.desk.token]?.helpTime += time
        }
        backlog.observer.worked(
            WorkStep(client: help.client, isPart: false, time: time, processorTime: threadClock.lap()))
    }
}

extension Crew.State {
    /// How many threads are at work, on steps or helping.
    private var atWork: Int { desks.count { $0 != nil } + helping.count { $0 != nil } }

    /// Whom `worker` can help: somebody who works on a part and has no help. It is noted.
    mutating func help(by worker: Int, processors: Int) -> Crew.Help? {
        guard atWork < processors, places[worker] != nil else { return nil }
        for other in desks.indices where other != worker && isAlone(other) {
            guard let desk = desks[other], let place = places[other] else { continue }
            let help = Crew.Help(
                other: other, desk: desk, client: jobs[desk.token]?.claimed.client ?? "", place: place)
            helping[worker] = other
            return help
        }
        return nil
    }

    /// How many of those who have nothing to do could help, as far as that matters. Where there are steps to give they are
    /// woken for those.
    func wantedHelp(processors: Int) -> PartSchedule.Supply {
        guard schedule.supply == .none, atWork < processors else { return .none }
        let idle = desks.indices.count { desks[$0] == nil && helping[$0] == nil && places[$0] != nil }
        switch min(idle, desks.indices.count(where: isAlone), processors - atWork) {
        case 0: return .none
        case 1: return .one
        default: return .several
        }
    }

    /// Whether a worker is at a part, can be helped and is not.
    private func isAlone(_ worker: Int) -> Bool {
        desks[worker].map { $0.helpsLeft > 0 } == true && !helping.contains(worker)
    }

    /// Help has ended. Where there was nothing to share, that may be since whoever works on it was kept from it for a moment, so
    /// it is tried again, but not again and again.
    fileprivate mutating func endHelp(_ end: HelpEnd, of other: Int, at desk: Desk) {
        guard end != .calledAway, desks[other]?.number == desk.number else { return }
        desks[other]?.helpsLeft -= end == .over ? desk.helpsLeft : 1
    }
}
