import Formats
import TestSupport
import Testing

/// The law of every push decoder: how the bytes are cut makes no difference.
@Suite("Decoding in pieces")
struct PiecesTests {
    enum Format: String, CaseIterable { case npy, raw, json, safetensors, table }

    private func decoder(_ format: Format) -> any ArrayDecoder {
        switch format {
        case .npy: NPYDecoder()
        case .raw: RawFloatDecoder(width: 3)
        case .json: FeatureJSONDecoder()
        case .safetensors: SafetensorsDecoder()
        case .table: TableDecoder()
        }
    }

    private func bodies(_ format: Format) throws -> [[UInt8]] {
        switch format {
        case .npy:
            try ["f2-be", "f4-le", "f8-be", "fortran-3d", "version3", "no-rows", "integers"].map {
                try Fixture.bytes("npy/\($0).npy")
            }
        case .raw: [Fixture.ramp(6).flatMap { [UInt8].littleEndian($0.bitPattern) }]
        case .json: try [Fixture.bytes("json/features.json"), Fixture.bytes("json/repr.json")]
        case .safetensors: [try Fixture.bytes("safetensors/plain.safetensors")]
        case .table:
            ["a,b\r\n1,2\r\n3,-4.5e1\r\n", ",0,1\n0,1,2\n1,3,4\n", "# x\n 1  2\n\n3 4", "1\t\"2\"\n3\tx\n"].map {
                Array($0.utf8)
            }
        }
    }

    /// What comes of the pieces: an array's description, or the error.
    private func outcome(_ format: Format, _ pieces: [ArraySlice<UInt8>]) -> String {
        var decoder = decoder(format)
        do {
            for piece in pieces { try decoder.feed(Array(piece)) }
            let array = try decoder.finish()
            return "\(array.shape) \(array.elementType) \(array.order) \(array.values.map(\.bitPattern))"
        } catch { return "\(error)" }
    }

    @Test("cut at every byte, and byte by byte", arguments: Format.allCases)
    func everyCut(format: Format) throws {
        for body in try bodies(format) {
            let whole = outcome(format, [body[...]])
            for cut in 0...body.count {
                #expect(outcome(format, [body[..<cut], body[cut...]]) == whole, "cut at \(cut)")
            }
            #expect(outcome(format, body.indices.map { body[$0...$0] }) == whole)
        }
    }

    @Test("damaged bodies in pieces of any size fail or succeed as the whole does", arguments: Format.allCases)
    func damaged(format: Format) throws {
        for (index, body) in try bodies(format).enumerated() {
            var generator = SeededRandom(seed: UInt64(index + 1))
            for round in 0..<1500 {
                let damaged = mutate(body, using: &generator)
                var pieces: [ArraySlice<UInt8>] = []
                var rest = damaged[...]
                while !rest.isEmpty {
                    let count = Int.random(in: 1...min(40, rest.count), using: &generator)
                    pieces.append(rest.prefix(count))
                    rest = rest.dropFirst(count)
                }
                let (whole, parts) = (outcome(format, [damaged[...]]), outcome(format, pieces))
                // Which fault is met first may depend on the cut only where the whole was refused for its size.
                #expect(whole == parts, "seed \(index + 1), round \(round)")
            }
        }
    }

    @Test("a decoder that has failed stays failed", arguments: Format.allCases)
    func staysFailed(format: Format) throws {
        guard format != .raw else { return }
        var decoder = decoder(format)
        let binary = [0x21] + [UInt8](repeating: 0xFF, count: 13)
        // A line is looked at once it has ended.
        let bad = format == .table ? Array("1,2\n3\n".utf8) : binary
        let first = failure(of: ArrayDecodingError.self) { try decoder.feed(bad) }
        #expect(first != nil)
        #expect(failure(of: ArrayDecodingError.self) { try decoder.feed([0x20]) } == first)
        #expect(failure(of: ArrayDecodingError.self) { _ = try decoder.finish() } == first)
    }
}
