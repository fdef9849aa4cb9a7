import CKernels
import Synchronization

/// Who does the parts of an operation; they are independent of each other.
public protocol PartSharing: AnyObject {
    /// Whether there is somebody to share with now.
    var isThere: Bool { get }

    /// Returns once all parts are done, each once.
    ///
    /// - Parameters:
    ///   - parts: how many there are
    ///   - body: is called with each part and with who does it, 0 the calling thread and 1 the other
    func share(_ parts: Int, _ body: (_ part: Int, _ hand: Int) -> Void)
}

/// A second thread for one thread's operations, for as long as somebody lends one.
///
/// The thread that has the work opens it, cuts each operation into parts, and closes it. Another may lend itself meanwhile, and
/// take itself back between two operations; both take parts until there are none. Who computes a part changes no bit of it.
/// Neither ever sleeps: both look again and again, and give up the processor where that takes long.
///
/// `@unchecked Sendable`: `work` and `parts` are written by the thread that has the work, before it posts them and after the
/// other has said that it is done with them; the other reads them in between alone.
public final class LentThread: PartSharing, @unchecked Sendable {
    /// What became of a thread that somebody wanted to lend.
    public enum Lending: Sendable {
        /// There was nobody to lend it to, or there was another thread already.
        case refused
        /// It was lent until there was nothing more for it to do.
        case done
        /// It was lent, and nothing has come to do for a while; there may be more later.
        case idle
        /// It was lent and wanted elsewhere.
        case calledAway
    }

    /// The lowest bits say how it stands, those above count how often it was opened: who came to one piece of work can't take
    /// part in the next.
    private let state = Atomic<UInt64>(Standing.closed)
    /// Parts of the operation that somebody has taken.
    private let taken = Atomic<Int>(0)
    private var parts = 0
    private var work: ((_ part: Int, _ hand: Int) -> Void)?

    /// closed <-> open <-> joined <-> posted -> busy -> joined. The other alone goes from open to joined and back, and from
    /// posted by way of busy to joined; all else is done by the thread that has the work.
    private enum Standing {
        static let closed: UInt64 = 0
        static let open: UInt64 = 1
        static let joined: UInt64 = 2
        static let posted: UInt64 = 3
        static let busy: UInt64 = 4
        static let mask: UInt64 = 7
        /// Added each time that it is opened.
        static let once: UInt64 = 8
    }

    /// How often a lent thread looks for an operation that does not come, about a millisecond: whoever has the work has no
    /// processor, or does something else.
    private static let patience = 3_000

    /// Where nobody has work yet.
    public init() {}

    /// From now on a thread can be lent. Called by the thread that has the work; it is closed before it is opened again.
    public func open() {
        let last = state.load(ordering: .relaxed)
        precondition(last & Standing.mask == Standing.closed, "closed before it is opened again")
        state.store((last &+ Standing.once) | Standing.open, ordering: .releasing)
    }

    /// Nobody takes part any more. Called by the thread that has the work, between two operations.
    public func close() {
        var known = state.load(ordering: .relaxed)
        while true {
            let (isClosed, found) = state.compareExchange(
                expected: known, desired: known & ~Standing.mask, ordering: .acquiringAndReleasing)
            if isClosed { return }
            known = found
        }
    }

    /// Lends the calling thread, until it is closed, or soon after `isFree` says no; at once where it is not open or has another.
    public func lend(while isFree: () -> Bool) -> Lending {
        let found = state.load(ordering: .relaxed)
        guard found & Standing.mask == Standing.open else { return .refused }
        let count = found & ~Standing.mask
        let (open, joined) = (count | Standing.open, count | Standing.joined)
        let (posted, busy) = (count | Standing.posted, count | Standing.busy)
        guard exchange(open, for: joined) else { return .refused }
        var waits = 0
        while true {
            switch state.load(ordering: .acquiring) {
            case posted:
                guard exchange(posted, for: busy) else { continue }
                takeParts(hand: 1)
                state.store(joined, ordering: .releasing)
                waits = 0
            case joined:
                let isWanted = !isFree()
                if isWanted || waits >= Self.patience {
                    if exchange(joined, for: open) { return isWanted ? .calledAway : .idle }
                } else {
                    vg_wait(waits)
                    waits += 1
                }
            default:
                return .done
            }
        }
    }

    /// Whether a thread is lent now.
    public var isThere: Bool { state.load(ordering: .relaxed) & Standing.mask == Standing.joined }

    /// Does all parts of an operation, with the thread that is lent where one is.
    ///
    /// The calling thread begins with the first part and the other with the last, so that each finds most of what it made
    /// before in its own cache.
    public func share(_ parts: Int, _ body: (_ part: Int, _ hand: Int) -> Void) {
        let joined = state.load(ordering: .relaxed)
        guard joined & Standing.mask == Standing.joined, parts > 1 else {
            for part in 0..<parts { body(part, 0) }
            return
        }
        let count = joined & ~Standing.mask
        let (posted, busy) = (count | Standing.posted, count | Standing.busy)
        withoutActuallyEscaping(body) { body in
            self.parts = parts
            work = body
            taken.store(0, ordering: .relaxed)
            // Where the other has taken itself back in this moment nothing is posted.
            let isPosted = exchange(joined, for: posted)
            takeParts(hand: 0)
            // Where the other has not begun, it has no more to begin with. It may have finished and left, too.
            if isPosted, !exchange(posted, for: joined) {
                var waits = 0
                while state.load(ordering: .acquiring) == busy {
                    vg_wait(waits)
                    waits += 1
                }
            }
            work = nil
        }
    }

    /// Not inlined: the closure must be let go of before it is said that this thread is done with it.
    @inline(never)
    private func takeParts(hand: Int) {
        guard let work else { return }
        var own = 0
        while taken.wrappingAdd(1, ordering: .relaxed).oldValue < parts {
            work(hand == 0 ? own : parts - 1 - own, hand)
            own += 1
        }
    }

    private func exchange(_ known: UInt64, for new: UInt64) -> Bool {
        state.compareExchange(expected: known, desired: new, ordering: .acquiringAndReleasing).exchanged
    }
}
