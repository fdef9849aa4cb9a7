import Platform
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
    private let sparesLoopback: Bool
    private let open = Mutex<[IPAddress: Int32]>([:])

    /// - Parameters:
    ///   - limit: the open connections that a client may have.
    ///   - sparesLoopback: whether clients on this machine are not counted, which are mostly proxies and tools of its owner.
    init(limit: Int, sparesLoopback: Bool = false) {
        self.sparesLoopback = sparesLoopback
        self.limit = Int32(clamping: min(limit, 1 << 30))
    }

    /// Whether connections of this address are counted at all.
    func counts(_ address: IPAddress) -> Bool { !(sparesLoopback && address.isLoopback) }

    /// Counts one more connection of `share`, unless it is dropped.
    func take(_ share: IPAddress) -> Admission {
        open.withLock { counts in
            let count = counts[share, default: 0] &+ 1
            guard count <= limit + Self.refusalReserve else { return .dropped }
            counts[share] = count
            return count <= limit ? .admitted : .refused
        }
    }

    /// Takes back what `take` has counted.
    func release(_ share: IPAddress) {
        open.withLock { counts in
            guard let count = counts[share] else { return }
            counts[share] = count > 1 ? count &- 1 : nil
        }
    }

    /// How many clients have connections, for tests.
    var clients: Int { open.withLock(\.count) }
}
