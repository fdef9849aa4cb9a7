import Formats
import Foundation
import TestSupport

/// Files in the folder `Fixtures`, made by its make_fixtures.py.
enum Fixture {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures").path

    static func path(_ name: String) -> String { "\(folder)/\(name)" }

    static func file(_ name: String) throws -> MappedFile { try MappedFile(path: path(name)) }

    static func bytes(_ name: String) throws -> [UInt8] { try file(name).withUnsafeBytes { [UInt8]($0) } }

    /// What make_fixtures.py calls a ramp: element k is (k - 7) / 4.
    static func ramp(_ count: Int) -> [Float] { (0..<count).map { (Float($0) - 7) / 4 } }
}

/// A folder that goes away with the value.
final class ScratchFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "formats-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], to name: String = "file") throws -> MappedFile {
        try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
        return try MappedFile(path: "\(path)/\(name)")
    }

    var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] }
}

/// Changes bytes as damage and attackers do: bits flipped, bytes set, cut off, inserted, removed, moved.
func mutate(_ bytes: [UInt8], using generator: inout SeededRandom) -> [UInt8] {
    var result = bytes
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
        guard !result.isEmpty else { return result }
        let at = Int.random(in: 0..<result.count, using: &generator)
        switch Int.random(in: 0..<7, using: &generator) {
        case 0: result[at] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 1: result[at] = UInt8.random(in: .min ... .max, using: &generator)
        case 2: result[at] = [0, 0xFF, 0x7F, 0x80].randomElement(using: &generator) ?? 0
        case 3: result.removeSubrange(at...)
        case 4: result.insert(UInt8.random(in: .min ... .max, using: &generator), at: at)
        case 5: result.removeSubrange(at..<min(result.count, at + Int.random(in: 1...8, using: &generator)))
        default: for index in at..<min(result.count, at + 8) { result[index] = 0xFF }
        }
    }
    return result
}

extension Array where Element == UInt8 {
    mutating func append(littleEndian value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: value)
        return bytes
    }
}

/// The error that a piece of work threw, or nil.
func failure<E: Error>(of type: E.Type = E.self, _ work: () throws -> Void) -> E? {
    do {
        try work()
        return nil
    } catch { return error as? E }
}
