import Formats
import TestSupport
import Testing
import VadCLIP

@testable import Scoring

@Suite("Rows of another type, and rows that are too wide")
struct RawReadingTests {
    private static func values(_ count: Int, scale: Float = 0.76) -> [Float] {
        var random = SeededRandom(seed: 3)
        return random.floats(count, scale: scale)
    }

    private static func little<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    /// A float16's bits, rounded towards zero.
    private static func half(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let exponent = Int(bits >> 23 & 0xFF) - 112
        let sign = UInt16(truncatingIfNeeded: bits >> 16 & 0x8000)
        return exponent < 1 ? sign : sign | UInt16(exponent << 10) | UInt16(truncatingIfNeeded: bits >> 13 & 0x3FF)
    }

    /// What the check says of rows of 512 with these bytes: the refusal, or the warnings.
    private static func said(_ bytes: [UInt8]) throws -> String {
        let array = try decode(bytes, with: RawFloatDecoder(width: 512))
        do throws(FeatureError) {
            return try FeatureCheck(width: 512).accept(array).report.warnings.joined(separator: "\n")
        } catch { return error.description }
    }

    @Test("rows of another type are told what they look like")
    func readings() throws {
        let values = Self.values(16 * 512)
        let unit = values.map { $0 / 10 }
        #expect(try Self.said(values.flatMap { Self.little($0.bitPattern) }) == "")
        for some in [values, unit] {
            let wide = some.map { Double($0) }
            for doubles in [wide, wide.map { $0 * 1.000_000_1 }] {
                let said = try Self.said(doubles.flatMap { Self.little($0.bitPattern) })
                #expect(said.contains("look like float64") && said.contains(".npy"), "\(said)")
            }
            for bits in [UInt32.max, 0xFFFF_0000, 0xFFFF_E000] {
                let said = try Self.said(some.flatMap { Self.little(($0.bitPattern & bits).byteSwapped) })
                #expect(said.contains("look like big-endian float32"), "\(said)")
            }
            let said = try Self.said(some.flatMap { Self.little(Self.half($0)) })
            #expect(said.contains("look like float16"), "\(said)")
        }
    }

    @Test("float32 rows are called nothing else, whatever is wrong with them")
    func plausible() throws {
        for scale in [Float(1e-20), 1e-9, 1e-4, 0.04, 0.76, 30, 1e6, 1e15] {
            let said = try Self.said(Self.values(8 * 512, scale: scale).flatMap { Self.little($0.bitPattern) })
            #expect(!said.contains("look like f") && !said.contains("look like b"), "\(scale): \(said)")
        }
        var broken = Self.values(8 * 512)
        for index in stride(from: 0, to: 512, by: 9) { broken[index] = .nan }
        let said = try Self.said(broken.flatMap { Self.little($0.bitPattern) })
        #expect(said == "column 0 of row 0 is NaN: expected finite numbers")
        // A file that says itself what its numbers are is believed.
        let swapped = Self.values(8 * 512).map { Float(bitPattern: $0.bitPattern.byteSwapped) }
        let npy = try decode(NPYWriter.encode(swapped, rows: 8, columns: 512), with: NPYDecoder())
        let error = #expect(throws: FeatureError.self) { try FeatureCheck(width: 512).accept(npy) }
        #expect(error?.description.contains("look like") == false)
    }

    @Test(
        "a list far wider than a row is refused while it comes",
        arguments: [
            ("[[", "rows are more than 2048 wide: expected 4"), ("[[1, 2, 3, 4], [", "2048 wide: expected 4"),
            ("[[[", "2048 wide: expected 4"), ("[", "one list of more than 2048 numbers"),
        ])
    func tooWide(front: String, words: String) throws {
        var decoder = UploadDecoder(format: .json, width: 4, limits: ArrayLimits())
        try decoder.feed(Array("{\"features\": \(front)0".utf8))
        let error = #expect(throws: ArrayDecodingError.self) {
            for _ in 0..<1_000 {
                try decoder.feed(Array(", 0.25, 1, -0.5, 7".utf8))
                #expect(decoder.heldBytes <= 4 * 2_100)
            }
        }
        #expect(error?.kind == .unfit && error?.description.contains(words) == true, "\(error?.description ?? "")")
    }

    @Test("rows of a width that is known are told where they come from", arguments: [768, 1_024, 2_048])
    func knownWidths(width: Int) throws {
        var decoder = UploadDecoder(format: .json, width: 512, limits: ArrayLimits())
        let row = "[0" + String(repeating: ",0", count: width - 1) + "]"
        try decoder.feed(Array("{\"features\":[\(row),\(row)]}".utf8))
        let array = try #require(try decoder.finish().onlyArray)
        let error = #expect(throws: FeatureError.self) { try FeatureCheck(width: 512).accept(array) }
        #expect(error == .wrongWidth(found: width, expected: 512))
    }
}
