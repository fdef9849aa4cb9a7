import GRDB
import Jobs

/// The columns of a row by their place. A value of another kind than expected, as a flipped bit can make of it, is an
/// error here; by GRDB's own way it would end the process.
struct Columns {
    let row: Row

    func int(_ place: Int) throws -> Int { try value(place) }
    func int64(_ place: Int) throws -> Int64 { try value(place) }
    func text(_ place: Int) throws -> String { try value(place) }
    func optionalInt(_ place: Int) throws -> Int? { try optional(place) }
    func optionalInt64(_ place: Int) throws -> Int64? { try optional(place) }
    func optionalText(_ place: Int) throws -> String? { try optional(place) }

    func bytes(_ place: Int) throws -> [UInt8] {
        guard let bytes = try optionalBytes(place) else { throw Self.fault(place) }
        return bytes
    }

    func optionalBytes(_ place: Int) throws -> [UInt8]? {
        try row.withUnsafeData(atIndex: place) { $0.map { [UInt8]($0) } }
    }

    func id(_ place: Int) throws -> JobID {
        guard let id = try optionalID(place) else { throw Self.fault(place) }
        return id
    }

    func optionalID(_ place: Int) throws -> JobID? {
        guard let bytes = try optionalBytes(place) else { return nil }
        guard let id = JobID(bytes: bytes) else { throw Self.fault(place) }
        return id
    }

    private func value<Value: DatabaseValueConvertible>(_ place: Int) throws -> Value {
        guard let value: Value = try optional(place) else { throw Self.fault(place) }
        return value
    }

    private func optional<Value: DatabaseValueConvertible>(_ place: Int) throws -> Value? {
        let stored: DatabaseValue = row[place]
        if stored.isNull { return nil }
        guard let value = Value.fromDatabaseValue(stored) else { throw Self.fault(place) }
        return value
    }

    private static func fault(_ place: Int) -> StoreFault { .unreadable("column \(place) of its row can't be read") }
}
