import Foundation
import Jobs
import TestSupport
import Testing

@testable import SQLiteStore

@Suite("A damaged folder is refused by name or whole, never emptier without a word")
struct FolderDamageTests {
    @Test("untouched it is whole, and so is one whose log ends torn", arguments: [false, true])
    func whole(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        #expect(try await accepted.trials(1) { _, _ in "nothing" } == [])
        let torn = try await Accepted(isClosed: false)
        // What a transaction that was never committed has left.
        let log = torn.home.database + "-wal"
        let bytes = try Home.bytes(log)
        try (bytes + bytes.suffix(5_000)).write(to: URL(fileURLWithPath: log))
        #expect(try await torn.verdict() == .whole)
    }

    @Test("a hundred flipped bits in each file", arguments: [false, true])
    func flips(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        var random = SeededRandom(seed: isClosed ? 11 : 12)
        for name in try accepted.files() {
            let bytes = try Home.bytes(accepted.home.path + "/" + name)
            guard !bytes.isEmpty else { continue }
            let places = (0..<100).map { _ in
                (Int.random(in: bytes.indices, using: &random), Int.random(in: 0..<8, using: &random))
            }
            let faults = try await accepted.trials(places.count) { number, home in
                var spoilt = bytes
                spoilt[places[number].0] ^= 1 << places[number].1
                try spoilt.write(to: URL(fileURLWithPath: home.path + "/" + name))
                return "\(name): bit \(places[number].1) of byte \(places[number].0)"
            }
            #expect(faults == [])
        }
    }

    @Test("each file cut short or gone", arguments: [false, true])
    func truncations(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        var random = SeededRandom(seed: isClosed ? 21 : 22)
        for name in try accepted.files() {
            let bytes = try Home.bytes(accepted.home.path + "/" + name)
            let lengths = [0] + (0..<20).map { _ in Int.random(in: 0...bytes.count, using: &random) }
            let faults = try await accepted.trials(lengths.count + 1) { number, home in
                guard number > 0 else {
                    try FileManager.default.removeItem(atPath: home.path + "/" + name)
                    return "\(name) gone"
                }
                try bytes.prefix(lengths[number - 1]).write(to: URL(fileURLWithPath: home.path + "/" + name))
                return "\(name): \(lengths[number - 1]) of \(bytes.count) bytes"
            }
            #expect(faults == [])
        }
    }

    @Test("each page of the database zeroed or overwritten in place, with its time set back", arguments: [false, true])
    func pages(isClosed: Bool) async throws {
        let accepted = try await Accepted(isClosed: isClosed)
        let bytes = try Home.bytes(accepted.home.database)
        for value in [UInt8(0), 0xA5] {
            let faults = try await accepted.trials(bytes.count / 8_192) { number, home in
                let time = try FileManager.default.attributesOfItem(atPath: home.database)[.modificationDate]
                let file = try FileHandle(forUpdating: URL(fileURLWithPath: home.database))
                try file.seek(toOffset: UInt64(number * 8_192))
                try file.write(contentsOf: Data(repeating: value, count: 8_192))
                try file.close()
                try FileManager.default.setAttributes(
                    [.modificationDate: time ?? Date()], ofItemAtPath: home.database)
                return "page \(number + 1) of \(value)"
            }
            #expect(faults == [])
        }
    }

    @Test("several files at once: the log and what tells of it", arguments: ["witness", "sums"])
    func pairs(name: String) async throws {
        let accepted = try await Accepted(isClosed: false)
        let faults = try await accepted.trials(2) { number, home in
            if number == 0 { try FileManager.default.removeItem(atPath: home.database + "-wal") }
            if number == 1 { try Home.flip(home.database + "-wal", at: 40_000) }
            try FileManager.default.removeItem(atPath: home.path + "/" + name)
            return "\(number): and \(name)"
        }
        #expect(faults == [])
    }
}
