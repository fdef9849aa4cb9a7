import Platform

extension FairQueue {
    /// What lies before a queued job.
    package struct Place: Equatable, Sendable {
        /// 1 for the next one.
        package let position: Int
        /// The parts of the jobs before it.
        package let partsBefore: Int
    }

    /// Where a queued job stands, if nothing came and nothing went.
    func place(of entry: Entry, client: String) -> Place {
        guard let own = lines[client] else { return Place(position: 1, partsBefore: 0) }
        let rank = own.entries.rank(of: entry)
        let before = own.load(before: rank)
        var partsBefore = before.parts
        var position = rank + 1
        let turn = Turn(tag: own.tag + before.cost, entry: entry)
        for (name, line) in lines where !name.text.hasBytes(of: client) {
            let before = line.before(turn)
            position += before.jobs
            partsBefore += before.parts
        }
        return Place(position: position, partsBefore: partsBefore)
    }

    /// All jobs in the order of their turns.
    var order: [JobID] {
        let turns = lines.values.flatMap { line -> [Turn] in
            var tag = line.tag
            return line.entries.elements.map { entry in
                defer { tag += entry.cost }
                return Turn(tag: tag, entry: entry)
            }
        }
        return turns.sorted().map(\.entry.id)
    }

    /// How many clients have jobs queued.
    package var clients: Int { lines.values.count { !$0.entries.isEmpty } }
}

extension FairQueue.Load {
    init(of entries: some Sequence<FairQueue.Entry>) {
        for entry in entries {
            cost += entry.cost
            parts += entry.parts
        }
    }
}

extension FairQueue.Line {
    /// How many of this line's jobs have their turn before `turn`, and their parts.
    fileprivate func before(_ turn: FairQueue.Turn) -> (jobs: Int, parts: Int) {
        var (jobs, parts, tag) = (0, 0, tag)
        for entry in entries.elements {
            guard FairQueue.Turn(tag: tag, entry: entry) < turn else { break }
            jobs += 1
            parts += entry.parts
            tag += entry.cost
        }
        return (jobs, parts)
    }
}
