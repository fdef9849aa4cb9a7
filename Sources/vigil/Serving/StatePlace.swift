import Logging
import SQLiteStore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where the state folder is: the one that was named, or one of the user's.
///
/// Several servers of one user that name none have a folder each: the first that is free, so that a server that begins
/// again finds its jobs.
struct StatePlace {
    /// How many folders of a user there can be.
    private static let most = 64

    private let path: String
    private let isNamed: Bool

    /// Nil where jobs are to be kept in memory.
    init?(_ settings: Settings, _ flag: String?) throws {
        if let named = try settings.string("state", flag) {
            if named == "memory" { return nil }
            (path, isNamed) = (named, true)
            return
        }
        if let folders = Self.variable("STATE_DIRECTORY"), let first = folders.split(separator: ":").first {
            (path, isNamed) = (String(first), true)
            return
        }
        let base = Self.variable("XDG_STATE_HOME") ?? Self.variable("HOME").map { $0 + "/.local/state" }
        guard let base, base.hasPrefix("/") else {
            throw Failure(
                .configuration,
                "there is no place for jobs, as neither XDG_STATE_HOME nor HOME is set: name a folder by --state, or "
                    + "--state memory")
        }
        (path, isNamed) = (base + "/vigil", false)
    }

    /// Takes the folder, or the first of the user's that nobody has.
    func take(_ logger: Logger) throws(StateError) -> StateFolder {
        if isNamed { return try StateFolder(path) }
        for number in 1..<Self.most {
            let next = number == 1 ? path : "\(path)-\(number)"
            do throws(StateError) {
                return try StateFolder(next)
            } catch .inUse(let folder, let pid) {
                logger.notice(
                    "another server has this state folder: taking the next; --state names one",
                    metadata: ["folder": "\(folder)", "pid": "\(pid ?? 0)"])
            }
        }
        return try StateFolder("\(path)-\(Self.most)")
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
    }
}
