import CKernels
import Synchronization

/// A second thread for one thread's operations, for as long as somebody lends one.
///
/// The thread that has the work opens the helper, cuts each operation into parts, and closes it. Another may join meanwhile
/// and leave again between two operations; both take parts until there are none. Who computes a part changes no bit of it.
///
/// `@unchecked Sendable`: `work` and `parts` are written by the thread that has the work while nothing is posted, and read by
/// the other after it saw that something is.
public final class Helper: @unchecked Sendable {
    /// The lowest bits say how it stands, those above count the times that it was opened: who joined one can't take part in
    /// the next.
    private let state = Atomic<UInt64>(Standing.closed)
    private let next = Atomic<Int>(0)
    private var parts = 0
    private var work: ((_ part: Int, _ hand: Int) -> Void)?

    private enum Standing {
        static let closed: UInt64 = 0, open: UInt64 = 1, joined: UInt64 = 2, posted: UInt64 = 3,
            busy: UInt64 = 4
        static let mask: UInt64 = 7, once: UInt64 = 8
    }

    /// One that nobody has opened.
    public init() {}

    /// From now on somebody may join. Called by the thread that has the work.
    public func open() {
        let count = state.load(ordering: .relaxed) & ~Standing.mask
        state.store(count &+ Standing.once | Standing.open, ordering: .releasing)
    }

    /// Nobody takes part any more. Called by the thread that has the work, between two operations.
    public func close() {
        var known = state.load(ordering: .relaxed)
        while true {
            let (exchanged, found) = state.compareExchange(
                expected: known, desired: known & ~Standing.mask, ordering: .acquiringAndReleasing)
            if exchanged { return }
            known = found
        }
    }

    /// Whether somebody has joined.
    var isThere: Bool { state.load(ordering: .relaxed) & Standing.mask == Standing.joined }

    /// Joins, and takes parts until it is closed or `isFree` says no; at once where it is not open or has somebody already.
    public func help(while isFree: () -> Bool) {
        let opened = state.load(ordering: .relaxed)
        guard opened & Standing.mask == Standing.open, exchange(opened, for: opened + 1) else { return }
        let (joined, posted) = (opened + 1, opened + 2)
        while true {
            switch state.load(ordering: .acquiring) {
            case posted:
                guard exchange(posted, for: posted + 1) else { continue }
                takeParts(hand: 1)
                state.store(joined, ordering: .releasing)
            case joined:
                if isFree() { vg_pause() } else if exchange(joined, for: opened) { return }
            default: return
            }
        }
    }

    /// Does all parts of an operation, with whoever has joined; they are independent of each other.
    func split(_ parts: Int, _ body: (_ part: Int, _ hand: Int) -> Void) {
        let joined = state.load(ordering: .relaxed)
        guard joined & Standing.mask == Standing.joined, parts > 1 else {
            for part in 0..<parts { body(part, 0) }
            return
        }
        withoutActuallyEscaping(body) { body in
            self.parts = parts
            work = body
            next.store(0, ordering: .relaxed)
            // Where the other has left meanwhile, nothing is posted.
            let isPosted = exchange(joined, for: joined + 1)
            takeParts(hand: 0)
            if isPosted, !exchange(joined + 1, for: joined) {
                while state.load(ordering: .acquiring) != joined { vg_pause() }
            }
            work = nil
        }
    }

    private func takeParts(hand: Int) {
        guard let work else { return }
        while true {
            let part = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard part < parts else { return }
            work(part, hand)
        }
    }

    private func exchange(_ known: UInt64, for new: UInt64) -> Bool {
        state.compareExchange(expected: known, desired: new, ordering: .acquiringAndReleasing).exchanged
    }
}

/// Who computes: memory for rows in fewer bits, and a second thread where one is lent.
public struct Hands {
    private let scratch: (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?)
    /// Of scratch memory for each hand.
    let bytes: Int
    public let helper: Helper?

    /// One of them by itself.
    func alone(_ hand: Int) -> Hands {
        Hands(scratch: (memory(of: hand), nil), bytes: bytes, helper: nil)
    }

    /// Scratch memory for rows in fewer bits; nil where the kernels take none.
    func memory(of hand: Int) -> UnsafeMutableRawPointer? { hand == 0 ? scratch.0 : scratch.1 }

    init(
        scratch: (UnsafeMutableRawPointer?, UnsafeMutableRawPointer?), bytes: Int, helper: Helper?
    ) {
        self.scratch = scratch
        self.bytes = bytes
        self.helper = helper
    }

    /// The helper, where somebody has joined it.
    var company: Helper? { helper.flatMap { $0.isThere ? $0 : nil } }
}

extension Workspace {
    /// Hands for products of up to `rows` rows with weights of up to `inputs` inputs.
    public func hands(rows: Int, inputs: Int, for kernels: Kernels, helper: Helper? = nil) -> Hands {
        let bytes =
            kernels.narrowChoices.first.map { $0.table.pointee.scratch_bytes(rows, inputs) } ?? 0
        func memory(_ isNeeded: Bool) -> UnsafeMutableRawPointer? {
            isNeeded && bytes > 0 ? UnsafeMutableRawPointer(words((bytes + 3) / 4)) : nil
        }
        return Hands(scratch: (memory(true), memory(helper != nil)), bytes: bytes, helper: helper)
    }
}

extension Optional where Wrapped == Hands {
    /// Does `body` for both halves of `count` things, the first a multiple of `unit`, or for all at once where there is no
    /// company or they are few.
    public func halves(
        of count: Int, unit: Int = 1, _ body: (_ range: Range<Int>, _ hand: Int) -> Void
    ) {
        let middle = (count / 2 + unit - 1) / unit * unit
        guard let helper = self?.company, middle > 0, middle < count else { return body(0..<count, 0) }
        helper.split(2) { part, hand in body(part == 0 ? 0..<middle : middle..<count, hand) }
    }

    /// Does `body` for each of `count` things.
    func each(of count: Int, _ body: (_ index: Int, _ hand: Int) -> Void) {
        guard let helper = self?.company else {
            for index in 0..<count { body(index, 0) }
            return
        }
        helper.split(count, body)
    }
}
