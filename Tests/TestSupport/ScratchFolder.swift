import Foundation
import Platform

/// A folder that goes away with the value.
public final class ScratchFolder {
    /// Where it is.
    public let path: String

    /// A new, empty folder.
    public init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "vigil-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, and maps it.
    public func write(_ bytes: [UInt8], to name: String = "file") throws -> MappedFile {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
        return try MappedFile(path: "\(path)/\(name)")
    }

    /// What is in it.
    public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
}

/// The error that a piece of work threw, or nil.
public func failure<E: Error>(of type: E.Type = E.self, _ work: () throws -> Void) -> E? {
    do {
        try work()
        return nil
    } catch { return error as? E }
}
