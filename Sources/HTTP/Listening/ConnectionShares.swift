import Synchronization

/// Counts the open connections of each client, so that none has more than its share.
final class ConnectionShares: Sendable {
    /// What becomes of one more connection.
    enum Admission {
        case admitted
        /// Beyond the share: it is counted, told so, and ended.
        case refused
        /// Far beyond: it is not counted, and ended without an answer, since answers take connections too.
        case dropped
    }

    /// Connections beyond the share that are kept to be told so.
    static let refusalReserve: Int32 = 16

    private let limit: Int32
    private let counts = Mutex<[IPAddress: Int32]>([:])

    /// - Parameter limit: the open connections that a client may have.
    init(limit: Int) {
        self.limit = Int32(clamping: min(limit, 1 << 30))
    }

    /// Counts one more connection of `share`, unless it is dropped.
    func take(_ share: IPAddress) -> Admission {
        counts.withLock { counts in
            let count = counts[share, default: 0] &+ 1
            guard count <= limit + Self.refusalReserve else { return .dropped }
            counts[share] = count
            return count <= limit ? .admitted : .refused
        }
    }

    /// Takes back what `take` has counted.
    func release(_ share: IPAddress) {
        counts.withLock { counts in
            guard let count = counts[share] else { return }
            counts[share] = count > 1 ? count &- 1 : nil
        }
    }

    /// How many clients have connections, for tests.
    var clients: Int { counts.withLock(\.count) }
}
