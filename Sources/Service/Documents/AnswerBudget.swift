import Jobs
import Synchronization

/// Bounds the memory of large answers that clients are still taking.
///
/// A result of hours of video is a hundred megabytes of JSON; a few clients that ask and then do not read would hold
/// gigabytes. Small answers are not counted, and a single one always fits.
final class AnswerBudget: Sendable {
    /// Answers up to this size are not counted, in bytes.
    static let small = 1 << 20

    private let limit: Int
    private let held = Mutex(0)

    /// A budget of so many bytes.
    init(limit: Int, clock: any JobClock) { self.limit = limit }

    /// Bytes that are held now.
    var heldBytes: Int { held.withLock { $0 } }

    /// Takes room for an answer of `bytes`; nil where others hold too much. It is given back when the share goes away.
    func take(_ bytes: Int, for client: String = "") -> Share? {
        guard bytes > Self.small else { return Share(bytes: 0, of: self) }
        let fits = held.withLock { held in
            guard held == 0 || held + bytes <= limit else { return false }
            held += bytes
            return true
        }
        return fits ? Share(bytes: bytes, of: self) : nil
    }

    /// What an answer takes of the budget, for as long as it is referred to.
    final class Share: Sendable {
        private let bytes: Int
        private let budget: AnswerBudget

        fileprivate init(bytes: Int, of budget: AnswerBudget) {
            self.bytes = bytes
            self.budget = budget
        }

        func begin(cut: @escaping @Sendable () -> Void) {}
        func sent(_ bytes: Int) {}
        func end() {}

        deinit { budget.held.withLock { $0 -= bytes } }
    }
}
