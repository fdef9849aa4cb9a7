import Platform

/// How many notes may be on their way at a time, in all and to one receiver, and how many are. What finds no room is not
/// taken, so that a slow receiver's notes, however many are due, cost nothing but their place in the store.
public struct CallbackRoom: Sendable {
    private let most: Int
    private let perReceiver: Int
    private let failedPerReceiver: Int
    private var receivers: [ByteText: Int] = [:]
    private(set) var count = 0

    /// - Parameters:
    ///   - most: notes on their way
    ///   - perReceiver: of these to one receiver
    ///   - failedPerReceiver: a note that failed before goes only where its receiver has fewer than so many, so that such
    ///     notes don't keep those from it that are new
    public init(most: Int, perReceiver: Int, failedPerReceiver: Int) {
        self.most = most
        self.perReceiver = perReceiver
        self.failedPerReceiver = failedPerReceiver
    }

    /// Room for all notes.
    public static let unlimited = CallbackRoom(most: .max, perReceiver: .max, failedPerReceiver: .max)

    /// How many more notes may go to a receiver now.
    package func left(to receiver: String, failed: Bool) -> Int {
        let places = failed ? failedPerReceiver : perReceiver
        return max(0, min(places - receivers[ByteText(receiver), default: 0], most - count))
    }

    /// Counts a note in; false where there is no room.
    public mutating func add(_ receiver: String, failed: Bool) -> Bool {
        guard left(to: receiver, failed: failed) > 0 else { return false }
        receivers[ByteText(receiver), default: 0] += 1
        count += 1
        return true
    }

    /// Counts a note out that was counted in.
    public mutating func remove(_ receiver: String) {
        let left = receivers[ByteText(receiver), default: 1] - 1
        receivers[receiver] = left > 0 ? left : nil
        count -= 1
    }

    /// Up to `limit` of the notes, in their order, that there is room for beside each other.
    package func fitting<Note>(
        _ notes: [Note], limit: Int, _ place: (Note) -> (receiver: String, failed: Bool)
    ) -> [Note] {
        var room = self
        var fitting: [Note] = []
        for note in notes where fitting.count < limit {
            let (receiver, failed) = place(note)
            if room.add(receiver, failed: failed) { fitting.append(note) }
        }
        return fitting
    }
}
