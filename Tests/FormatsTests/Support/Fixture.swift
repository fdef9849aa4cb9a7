import Foundation
import Platform

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
