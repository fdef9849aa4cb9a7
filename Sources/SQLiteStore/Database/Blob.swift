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

extension JobID {
    /// Sixteen bytes that sort as the IDs do.
    var blob: Blob { Blob(bytes) }

    init?(_ blob: Blob?) {
        guard let blob else { return nil }
        self.init(bytes: blob.bytes)
    }
}
