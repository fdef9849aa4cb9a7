import GRDB
import Jobs

import struct Foundation.Data

/// Bytes as the database has them. GRDB speaks of them as Foundation's Data, and only in here do we.
struct Blob: DatabaseValueConvertible {
    var bytes: [UInt8]

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var databaseValue: DatabaseValue { Data(bytes).databaseValue }

    static func fromDatabaseValue(_ value: DatabaseValue) -> Blob? {
        Data.fromDatabaseValue(value).map { Blob(Array($0)) }
    }
}

/// Text as the database has it: as bytes where there is a zero among its characters, at which SQLite would cut it off.
struct Text: DatabaseValueConvertible {
    let text: String

    init(_ text: String) { self.text = text }

    /// Nil of nothing.
    init?(_ text: String?) {
        guard let text else { return nil }
        self.text = text
    }

    var databaseValue: DatabaseValue {
        text.utf8.contains(0) ? Blob(Array(text.utf8)).databaseValue : text.databaseValue
    }

    static func fromDatabaseValue(_ value: DatabaseValue) -> Text? { String.fromDatabaseValue(value).map { Text($0) } }
}

extension JobID {
    /// Sixteen bytes that sort as the IDs do.
    var blob: Blob { Blob(bytes) }

    init?(_ blob: Blob?) {
        guard let blob else { return nil }
        self.init(bytes: blob.bytes)
    }
}
