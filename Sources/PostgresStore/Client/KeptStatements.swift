import Platform
import Synchronization

/// Whether the sessions of a pool's connections keep statements ready under names, so that what is run for each job is not read and
/// planned each time anew.
///
/// A pooler that gives each transaction another session does not go with that, unless it knows of names, as PgBouncer does since
/// 1.21: then a statement is not there, or there already, and from then on none is kept.
final class KeptStatements: Sendable {
    private let isOver = Atomic(false)

    /// Whether they are.
    var areKept: Bool { !isOver.load(ordering: .relaxed) }

    /// None is from now on.
    func giveUp() { isOver.store(true, ordering: .relaxed) }

    /// The name of a statement: by its text alone, so that what another client has left in a session under it is the same.
    static func name(of sql: String) -> String {
        "vigil_" + Array(sql.utf8).withUnsafeBytes { SHA256.hexDigest(of: $0) }.prefix(32)
    }
}
