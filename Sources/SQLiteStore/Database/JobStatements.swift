import GRDB
import GRDBSQLite
import Jobs

/// The statements that every job takes, prepared once for the connection that writes, and bound to values as they are.
///
/// GRDB looks a statement up by its text and makes an object of each value, which for rows as small as these takes longer
/// than SQLite does. Sound as unchecked: it is used by the thread alone that is inside a transaction of its connection.
final class JobStatements: @unchecked Sendable {
    /// What each does.
    enum Name: Int, CaseIterable {
        case insertJob, updateJob, insertPayload, removePayload, keepPayload, insertResult
    }

    private let connection: OpaquePointer?
    private var prepared = [OpaquePointer?](repeating: nil, count: Name.allCases.count)

    init(_ db: Database) { connection = db.sqliteConnection }

    deinit { close() }

    /// Lets go of what was prepared, before the connection is closed; what is run later is prepared anew.
    func close() {
        for statement in prepared { sqlite3_finalize(statement) }
        prepared = [OpaquePointer?](repeating: nil, count: Name.allCases.count)
    }

    /// Runs a statement that gives no rows, and says how many it has changed.
    ///
    /// - Parameter bind: binds the values in their order
    @discardableResult
    func run(_ name: Name, _ sql: String, _ bind: (inout BoundValues) -> Void) throws -> Int {
        let statement = try prepared[name.rawValue] ?? prepare(name, sql)
        var values = BoundValues(statement)
        bind(&values)
        let code = values.code == SQLITE_OK ? sqlite3_step(statement) : values.code
        guard code == SQLITE_DONE else {
            let error = fault(sql)
            sqlite3_reset(statement)
            throw error
        }
        let changes = Int(sqlite3_changes(connection))
        sqlite3_reset(statement)
        return changes
    }

    private func prepare(_ name: Name, _ sql: String) throws -> OpaquePointer {
        var statement: OpaquePointer?
        let code = sqlite3_prepare_v3(connection, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
        guard code == SQLITE_OK, let statement else { throw fault(sql) }
        prepared[name.rawValue] = statement
        return statement
    }

    /// What SQLite says went wrong last.
    private func fault(_ sql: String) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: sqlite3_extended_errcode(connection)),
            message: sqlite3_errmsg(connection).map { String(cString: $0) }, sql: sql)
    }
}

/// The values of a statement, bound one after the other.
struct BoundValues {
    /// SQLite's own copy is made of what is bound with it.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

    private let statement: OpaquePointer
    private var place: Int32 = 0
    /// The first that went wrong.
    private(set) var code = SQLITE_OK

    init(_ statement: OpaquePointer) { self.statement = statement }

    mutating func int(_ value: Int?) { int64(value.map(Int64.init)) }

    mutating func bool(_ value: Bool) { int64(value ? 1 : 0) }

    mutating func int64(_ value: Int64?) {
        place += 1
        note(value.map { sqlite3_bind_int64(statement, place, $0) } ?? sqlite3_bind_null(statement, place))
    }

    mutating func id(_ value: JobID?) { blob(value?.bytes) }

    mutating func blob(_ value: [UInt8]?) {
        place += 1
        guard let value else { return note(sqlite3_bind_null(statement, place)) }
        // A pointer to no bytes can be none, which would be NULL.
        guard !value.isEmpty else { return note(sqlite3_bind_zeroblob(statement, place, 0)) }
        // Sound: SQLite copies the bytes before the array may go.
        note(
            value.withUnsafeBytes {
                sqlite3_bind_blob64(statement, place, $0.baseAddress, UInt64($0.count), Self.copied)
            })
    }

    /// Text as ``Text`` is in the database: as bytes where there is a zero among its characters.
    mutating func text(_ value: String?) {
        guard var value else { return int64(nil) }
        if value.utf8.contains(0) { return blob(Array(value.utf8)) }
        place += 1
        // Sound: SQLite copies the bytes before the text may go.
        note(
            value.withUTF8 { bytes in
                bytes.withMemoryRebound(to: CChar.self) {
                    guard let start = $0.baseAddress else { return sqlite3_bind_text(statement, place, "", 0, nil) }
                    return sqlite3_bind_text(statement, place, start, Int32(clamping: $0.count), Self.copied)
                }
            })
    }

    private mutating func note(_ code: Int32) {
        if self.code == SQLITE_OK { self.code = code }
    }
}
