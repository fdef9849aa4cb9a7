import Platform

/// Why a state folder can't be used. Nothing in it was changed.
public enum StateError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Another process works on it.
    case inUse(folder: String, pid: Int?)
    /// Another process reads it, and will be done with that.
    case beingRead(folder: String)
    /// There is no folder, or one without jobs.
    case absent(folder: String)
    /// The folder or a file in it can't be made, read or written.
    case unusable(path: String, reason: String)
    /// The database, its log, or what tells of them is not what was written.
    case damaged(path: String, reason: String)
    /// A newer Vigil has written it.
    case newer(path: String)

    /// What was wrong, in a sentence.
    public var description: String {
        switch self {
        case .inUse(let folder, let pid):
            "the state folder \(folder) is in use by another vigil\(pid.map { " (pid \($0))" } ?? ""): stop that one, "
                + "or name another folder"
        case .beingRead(let folder):
            "the state folder \(folder) is being read, as by vigil state backup: try again when that has ended"
        case .absent(let folder):
            "there is no state folder \(folder): expected one that has jobs.sqlite"
        case .unusable(let path, let reason):
            "the state folder can't be used: \(path): \(reason)"
                + (reason.utf8.elementsEqual(errnoText(EACCES).utf8)
                    ? ": it and all in it have to belong to the user that vigil runs as (chown -R \(geteuid()):\(getegid()) FOLDER)"
                    : "")
        case .damaged(let path, let reason):
            "\(path) is damaged (\(reason)): nothing was changed; vigil state check tells what is wrong, vigil state recover "
                + "copies what can be had into a new folder"
        case .newer(let path):
            "the database \(path) was written by a newer version of Vigil: expected this one's or older"
        }
    }

    /// A file could not be read: what a disk can't give is damage, one that can't be opened is not.
    init(reading path: String, _ error: FileError) {
        guard case .failed("read", _, let reason) = error else {
            self = .unusable(path: path, reason: error.description)
            return
        }
        self = .damaged(path: path, reason: "it can't be read: \(reason)")
    }

    /// What was wrong, without what to do.
    var reason: String {
        switch self {
        case .damaged(let path, let reason), .unusable(let path, let reason): "\(path): \(reason)"
        case .inUse, .beingRead, .absent, .newer: description
        }
    }
}
