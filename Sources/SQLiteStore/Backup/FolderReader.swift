import GRDB
import Platform

/// Reads a state folder whether a server works on it or not, without changing anything of it.
///
/// Where a server works on it, its log and its index are there, and one more connection that only reads is nothing but one
/// of its own readers: it never brings the log in, and removes nothing when it goes. Where none does, servers are kept out
/// meanwhile.
struct FolderReader {
    let places: StatePlaces
    /// The number of the server's process where one works on the folder, 0 where that is not known; nil where none does.
    let server: Int?
    private let lock: StateFolder.ReadingLock?

    init(_ path: String) throws(StateError) {
        places = StatePlaces(folder: path)
        do throws(StateError) {
            lock = try StateFolder.lockToRead(path)
            server = nil
        } catch .inUse(_, let pid) {
            lock = nil
            server = pid ?? 0
        }
        guard places.hasAny, access(places.database, F_OK) == 0 else { throw .absent(folder: path) }
    }

    /// Works with a connection that only reads.
    func reading<Value>(_ body: (DatabaseQueue) throws -> Value) throws -> Value {
        defer { withExtendedLifetime(lock) {} }
        let before = [places.log, places.index].filter { (path: String) in access(path, F_OK) != 0 }
        // A server that is just beginning makes them; nobody else may do so before it.
        guard server == nil || before.isEmpty else {
            throw StateError.unusable(path: before[0], reason: "the server is only beginning or ending: try again")
        }
        // What SQLite makes to read with is no change, but nobody shall wonder at it either.
        defer { if server == nil { for name in before { unlink(name) } } }
        var configuration = Configuration()
        configuration.readonly = true
        configuration.busyMode = .timeout(10)
        let queue = try DatabaseQueue(path: places.database, configuration: configuration)
        defer { try? queue.close() }
        return try body(queue)
    }
}

extension StateError {
    /// What went wrong with a database.
    init(_ error: any Error, at path: String) {
        switch error {
        case let error as StateError: self = error
        case let error as FileError: self = .unusable(path: path, reason: error.description)
        default:
            let reason = StoreFault.reason(of: error).description
            self =
                StoreFault.tellsDamage(error)
                ? .damaged(path: path, reason: reason) : .unusable(path: path, reason: reason)
        }
    }
}
