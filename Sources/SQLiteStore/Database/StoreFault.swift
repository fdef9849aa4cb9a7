import GRDB
import Jobs

/// What goes wrong inside the store, before it is known whose operation it was.
enum StoreFault: Error {
    case diskFull(String)
    case refused(JobStoreError)
    /// A row is not what it has to be.
    case unreadable(String)

    /// What a caller learns of any error.
    static func reason(of error: any Error) -> JobStoreError {
        switch error {
        case let error as JobStoreError: error
        case StoreFault.refused(let error): error
        case StoreFault.diskFull(let detail): .diskFull(detail)
        case StoreFault.unreadable(let detail): .unavailable("the database is damaged: \(detail)")
        case let error as DatabaseError where isFull(error): .diskFull("the disk is full")
        case let error as DatabaseError where isDamage(error):
            .unavailable("the database is damaged: \(error.message ?? "\(error.resultCode)")")
        case let error as DatabaseError: .unavailable("\(error.message ?? "\(error.resultCode)")")
        default: .unavailable("\(error)")
        }
    }

    /// Whether there is no room; a failed write says so too on some file systems.
    static func isFull(_ error: DatabaseError) -> Bool {
        error.resultCode == .SQLITE_FULL || error.extendedResultCode == .SQLITE_IOERR_WRITE
            || error.extendedResultCode == .SQLITE_IOERR_TRUNCATE
            || error.extendedResultCode == .SQLITE_IOERR_SHMSIZE
    }

    /// Whether a page was not what it was, or can't be read any more.
    static func tellsDamage(_ error: any Error) -> Bool {
        guard let error = error as? DatabaseError else { return false }
        return isDamage(error) || error.extendedResultCode == .SQLITE_IOERR_READ
            || error.extendedResultCode == .SQLITE_IOERR_SHORT_READ
            || error.extendedResultCode == .SQLITE_IOERR_CORRUPTFS
    }

    static func isDamage(_ error: DatabaseError) -> Bool {
        error.resultCode == .SQLITE_CORRUPT || error.resultCode == .SQLITE_NOTADB
    }
}
