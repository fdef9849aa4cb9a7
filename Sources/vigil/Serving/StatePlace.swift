import HTTP
import Logging
import Platform
import SQLiteStore

/// Where the state folder is: the one that was named, or one of the user's for what the server listens on.
///
/// So a server that begins again finds its jobs, and two that listen on different ports do not meet. Of those that take
/// any free port each has the first folder that is not in use.
struct StatePlace {
    /// What a server's folder is called after the addresses that it listens on.
    struct Name {
        let text: String
        /// The addresses, in words.
        let place: String
        /// Whether several servers can have the same.
        let isShared: Bool

        init(_ configuration: ServerConfiguration) {
            guard let first = configuration.listen.first else {
                text = "port-\(configuration.port)"
                place = "port \(configuration.port)"
                isShared = configuration.port == 0
                return
            }
            let spelling = "\(first)".utf8.map { ASCII.isAlphanumeric($0) || $0 == ASCII.dot ? $0 : ASCII.dash }
            text = "listen-" + String(decoding: spelling.prefix(100), as: UTF8.self)
            place = "\(first)"
            isShared = spelling.suffix(2).elementsEqual("-0".utf8)
        }
    }

    /// How many folders of one name there can be.
    private static let most = 64
    /// How long who reads the folder is waited for; a supervisor begins again after that.
    private static let patience = Duration.seconds(10)

    private let path: String
    /// The folder of all the user's folders; nil where one was named.
    private let base: String?
    private let isShared: Bool
    private let addresses: String

    /// Nil where jobs are to be kept in memory.
    init?(_ settings: Settings, _ name: Name) throws {
        let passed = Self.passed
        addresses = name.place
        if let named = try settings.text("state") ?? passed {
            if named == "memory" { return nil }
            path = named
            (base, isShared) = (nil, false)
            return
        }
        let folders = try Self.userFolders()
        base = folders
        path = folders + "/" + name.text
        isShared = name.isShared
    }

    /// Takes the folder, or where several servers can have the same the first that nobody has.
    func take(_ logger: Logger) throws(StateError) -> StateFolder {
        guard isShared else {
            return try StateFolder(path, patience: Self.patience) { [path] in
                logger.notice(
                    "the state folder is being read, as for a backup: waiting", metadata: ["folder": "\(path)"])
            }
        }
        for number in 1..<Self.most {
            do throws(StateError) {
                return try StateFolder(number == 1 ? path : "\(path)-\(number)")
            } catch .inUse(let folder, let pid) {
                logger.info(
                    "another server has this state folder: taking the next; --state names one",
                    metadata: ["folder": "\(folder)", "pid": .stringConvertible(pid ?? 0)])
            } catch .beingRead(let folder) {
                logger.info("this state folder is being read: taking the next", metadata: ["folder": "\(folder)"])
            }
        }
        return try StateFolder("\(path)-\(Self.most)")
    }

    /// Why the folder can't be used, and by what another is named.
    func failure(_ error: StateError) -> Failure {
        let failure = Failure(error)
        guard case .inUse = error else { return failure }
        let more = base == nil ? "" : "; it is that of each server on \(addresses), unless another one is named"
        return Failure(failure.code, "\(error.description) by --state\(more)")
    }

    /// Tells of jobs that wait in others of the user's folders for a server that is not there.
    func warnOfOthers(than own: String, _ logger: Logger) {
        guard let base else { return }
        for folder in StateFolder.folders(in: base) where folder != own {
            guard let jobs = StateFolder.waitingJobs(in: folder), jobs > 0 else { continue }
            logger.warning(
                "jobs wait in the state folder of a server that does not run: begin one with --state \(folder)",
                metadata: ["jobs": .stringConvertible(jobs)])
        }
    }

    /// Folders that servers have left where nobody names one.
    enum Kept {
        /// One that the environment or a config file names, and where.
        case named(String, by: String)
        /// Those of the user, and the folder that they are in; the one that a server takes which listens where the environment
        /// or a config file says, nil where neither says anything of it.
        case found([String], in: String, own: Own?)
    }

    /// The folder of a server, and where that listens.
    struct Own {
        let folder: String
        let place: String
    }

    /// The folders that `vigil serve` would take without an option.
    ///
    /// - Parameter config: its config file; by default the one that the environment names
    static func kept(config: String?) throws(Failure) -> Kept {
        let config = config ?? variable("VIGIL_CONFIG")
        let addresses = ["host", "port", "listen"]
        let settings = try Settings(only: ["state"] + addresses, file: config)
        if let folder = try settings.text("state"), let place = settings.label(of: "state") {
            return .named(folder, by: place)
        }
        if let folder = passed { return .named(folder, by: "STATE_DIRECTORY") }
        let base = try userFolders()
        let found = StateFolder.folders(in: base).filter(StateFolder.hasAny(in:))
        guard config != nil || addresses.contains(where: { settings.place(of: $0) != nil }) else {
            return .found(found, in: base, own: nil)
        }
        let name = Name(try ListeningOptions(settings: settings).configuration())
        let own = name.isShared ? nil : Own(folder: base + "/" + name.text, place: name.place)
        return .found(found, in: base, own: own)
    }

    /// The folder of all the user's folders.
    private static func userFolders() throws(Failure) -> String {
        let home = variable("XDG_STATE_HOME") ?? variable("HOME").map { $0 + "/.local/state" }
        guard let home, home.begins(with: "/") else {
            throw Failure(
                .configuration,
                "there is no place for jobs, as neither XDG_STATE_HOME nor HOME is set: name a folder by --state, or "
                    + "--state memory")
        }
        return home + "/vigil"
    }

    /// The folder that systemd passes; it names several between colons.
    private static var passed: String? {
        variable("STATE_DIRECTORY").map { String(Substring($0.utf8.prefix { $0 != UInt8(ascii: ":") })) }
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }.flatMap { value in
            value.utf8.contains { !ASCII.isBlank($0) } ? value : nil
        }
    }
}
