import Jobs
import Platform
import Synchronization

/// Gives jobs to who has nothing to do in whatever transaction comes next, so that their claim has none of its own.
///
/// Only those are given whose inputs are in memory and that come first in the queue; all others are claimed by who asks.
final class IdleHands: Sendable {
    /// What is given in one transaction.
    struct Hand {
        fileprivate var taker: (any ClaimTaker)?
        fileprivate var claimed: [ClaimedJob] = []

        /// Whether somebody was asked for room.
        var isAsked: Bool { taker != nil }
    }

    private let inputs: InputCache
    private let clock: any JobClock
    private let taker = Mutex<(any ClaimTaker)?>(nil)
    private let random = Mutex(SystemRandom())

    init(inputs: InputCache, clock: any JobClock) {
        self.inputs = inputs
        self.clock = clock
    }

    /// From now on jobs are given to this one.
    func offer(to taker: (any ClaimTaker)?) { self.taker.withLock { $0 = taker } }

    /// Claims what there is room for, behind the steps of a transaction.
    func claim(_ hand: inout Hand, _ context: WriteContext) throws {
        guard let taker = taker.withLock(\.self) else { return }
        let (wall, now) = (clock.wall, clock.now)
        let live = context.live
        // What is too late ends first, which is for who asks.
        let first = live.withLock { $0.table.isOverdue(now: now) ? nil : $0.table.firstToClaim() }
        guard let first, inputs.holds(first), var limit = taker.room() else { return }
        hand.taker = taker
        while let id = live.withLock({ [limit] in $0.table.firstToClaim(within: limit) }),
            let input = inputs.input(of: id)
        {
            let secret = random.withLock { $0.next() }
            let record = live.withLock { $0.table.claim(secret: secret, wall: wall, now: now, within: &limit) }
            guard let record else { break }
            if !context.coming.has(id) { try context.jobs.update(record) }
            if let job = ClaimedJob(record, input: input, now: now) { hand.claimed.append(job) }
        }
    }

    /// Hands over what was claimed, once that is committed.
    func give(_ hand: Hand) {
        for job in hand.claimed { _ = inputs.take(job.id) }
        hand.taker?.take(hand.claimed)
    }

    /// Nothing of what was to be given was claimed.
    func give(nothing hand: Hand) { hand.taker?.take([]) }
}
