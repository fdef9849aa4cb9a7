import Formats
import TestSupport
import Testing

@Suite("Safetensors of several matrices")
struct SafetensorsMatricesTests {
    /// A body of float32 tensors; the data are those of a ramp from its beginning to its end.
    static func body(_ tensors: [(name: String, dtype: String, shape: [Int], bytes: Range<Int>)]) -> [UInt8] {
        let members = tensors.map {
            "\"\($0.name)\":{\"dtype\":\"\($0.dtype)\",\"shape\":\($0.shape),"
                + "\"data_offsets\":[\($0.bytes.lowerBound),\($0.bytes.upperBound)]}"
        }
        let header = "{\(members.joined(separator: ","))}"
        let count = tensors.map(\.bytes.upperBound).max() ?? 0
        return .littleEndian(UInt64(header.utf8.count)) + Array(header.utf8)
            + Fixture.ramp(count / 4).flatMap { [UInt8].littleEndian($0.bitPattern) }
    }

    private func matrices(
        _ body: [UInt8], cutAt cuts: [Int] = [], limits: ArrayLimits = ArrayLimits()
    ) throws(ArrayDecodingError) -> [(name: String, array: DecodedArray)] {
        var decoder = SafetensorsDecoder(matricesWithin: limits)
        for (start, end) in zip([0] + cuts, cuts + [body.count]) {
            try Array(body[start..<end]).withUnsafeBufferPointer { piece throws(ArrayDecodingError) in
                try decoder.feed(UnsafeRawBufferPointer(piece))
            }
        }
        return try decoder.finishAll()
    }

    private func message(_ body: [UInt8], limits: ArrayLimits = ArrayLimits()) -> String {
        failure(of: ArrayDecodingError.self) { _ = try matrices(body, limits: limits) }?.description ?? "no error"
    }

    private static let two = body([("b", "F32", [1, 2], 8..<16), ("a", "F32", [2, 1], 0..<8)])

    @Test("each tensor of two axes is a matrix, the others are not")
    func reads() throws {
        let found = try matrices(Fixture.bytes("safetensors/three.safetensors"))
        #expect(found.map(\.name) == ["b", "a", "c"])
        #expect(found.map(\.array.shape) == [[2, 3], [4, 3], [0, 3]])
        #expect(found.map(\.array.values) == [Fixture.ramp(6), Fixture.ramp(12), []])
    }

    @Test("they come in the order of their bytes, not in that of the header")
    func order() throws {
        let found = try matrices(Self.two)
        #expect(found.map(\.name) == ["a", "b"])
        #expect(found.map(\.array.values) == [[-1.75, -1.5], [-1.25, -1]])
    }

    @Test("a tensor named features is the only one that is kept")
    func features() throws {
        let found = try matrices(Fixture.bytes("safetensors/plain.safetensors"))
        #expect(found.map(\.name) == ["features"] && found[0].array.values == Fixture.ramp(12))
    }

    @Test("cut at every byte, and byte by byte, the same comes out")
    func everyCut() throws {
        let body = try Fixture.bytes("safetensors/three.safetensors")
        let whole = try matrices(body)
        for cuts in (0...body.count).map({ [$0] }) + [Array(1..<body.count)] {
            let found = try matrices(body, cutAt: cuts)
            #expect(found.map(\.name) == whole.map(\.name), "cut at \(cuts)")
            #expect(found.map(\.array) == whole.map(\.array), "cut at \(cuts)")
        }
    }

    @Test("damaged bodies in pieces fail or succeed as the whole does")
    func damaged() throws {
        let body = try Fixture.bytes("safetensors/three.safetensors")
        var generator = SeededRandom(seed: 16)
        func outcome(_ body: [UInt8], _ cuts: [Int]) -> String {
            do throws(ArrayDecodingError) {
                return "\(try matrices(body, cutAt: cuts).map { "\($0.name) \($0.array.values.map(\.bitPattern))" })"
            } catch { return error.description }
        }
        for round in 0..<1500 {
            let damaged = mutate(body, using: &generator)
            let cuts = (0..<3).map { _ in Int.random(in: 0...damaged.count, using: &generator) }.sorted()
            #expect(outcome(damaged, cuts) == outcome(damaged, []), "seed 16, round \(round)")
        }
    }

    @Test("what is held is what has come")
    func held() throws {
        var decoder = SafetensorsDecoder(matricesWithin: ArrayLimits())
        try Self.two.dropLast(4).withUnsafeBytes { try decoder.feed($0) }
        #expect(decoder.heldBytes == 12)
    }

    @Test("bodies that are refused, with the reason")
    func refuses() {
        #expect(message(Self.body([])).contains("no tensor 'features' and none with two axes; it has none"))
        let flat = Self.body([("a", "F32", [2], 0..<8)])
        #expect(message(flat).contains("none with two axes; it has 'a'"))
        let integers = Self.body([("a", "F32", [1, 2], 0..<8), ("ids", "I64", [1, 1], 8..<16)])
        #expect(message(integers).contains("the tensor 'ids' is int64"))
        #expect(message(Self.two, limits: ArrayLimits(maxMatrices: 1)).contains("has 2 matrices"))
        #expect(message(Self.two, limits: ArrayLimits(maxElements: 3)).contains("have 4 elements together"))
        #expect(message(Array(Self.two.dropLast())).contains("ends after"))
        #expect(message(Self.two + [0]).contains("bytes follow"))
    }

    @Test("where one matrix is expected, the only one is taken whatever its name, and two are refused")
    func onlyMatrix() throws {
        let one = Self.body([("cam", "F32", [2, 1], 0..<8), ("bias", "F32", [2], 8..<16)])
        let decoder = SafetensorsDecoder(onlyMatrixWithin: ArrayLimits())
        #expect(try decode(one, with: decoder).values == [-1.75, -1.5])
        let error = failure(of: ArrayDecodingError.self) { _ = try decode(Self.two, with: decoder) }
        #expect(error?.description.contains("2 other matrices, 'a', 'b': expected one") == true)
    }
}
