import Platform
import TestSupport
import Testing

@testable import Formats

@Suite("MATLAB files of version 5")
struct MatFileTests {
    private func decoded(_ mat: TestMat, limits: ArrayLimits = ArrayLimits()) throws -> DecodedArray {
        try decoded(mat.bytes, limits: limits)
    }

    private func decoded(_ bytes: [UInt8], limits: ArrayLimits = ArrayLimits()) throws -> DecodedArray {
        try bytes.withUnsafeBytes { try MatFile.array($0, limits: limits) }
    }

    @Test(
        "a matrix comes column after column, packed or not, in either order of bytes, and as whole numbers where these suffice",
        arguments: [false, true], [false, true])
    func matrix(isPacked: Bool, isBig: Bool) throws {
        for stored in [9, 7, 2] as [UInt32] {
            let kind: UInt32 = stored == 7 ? 7 : 6
            let array = try decoded(
                TestMat(isBig: isBig, variables: [.init(kind: kind, stored: stored, isPacked: isPacked)]))
            #expect(array.shape == [2, 3] && array.values == [1, 3, 5, 2, 4, 6] && array.order == .columnMajor)
            #expect(array.elementType == (kind == 6 ? .float64 : .float32))
        }
    }

    @Test("of several variables that called features is taken, and without one the only matrix of such numbers")
    func choice() throws {
        let text = TestMat.Variable(name: "text", kind: 4, stored: 2)
        let scale = TestMat.Variable(name: "x", shape: [1, 1], values: [7])
        let other = TestMat.Variable(name: "other", values: [9, 9, 9, 9, 9, 9])
        #expect(try decoded(TestMat(variables: [other, text, .init(isPacked: true)])).values.first == 1)
        #expect(try decoded(TestMat(variables: [text, scale, other])).values.first == 9)
        let error = #expect(throws: ArrayDecodingError.self) {
            try decoded(TestMat(variables: [other, .init(name: "more")]))
        }
        #expect(error?.kind == .missing && error?.description.contains("'other', 'more'") == true)
        #expect(throws: ArrayDecodingError.self) { try decoded(TestMat(variables: [text])) }
        #expect(throws: ArrayDecodingError.self) { try decoded(TestMat(variables: [])) }
    }

    @Test("three axes come as they are called, the last one fastest")
    func axes() throws {
        let array = try decoded(
            TestMat(variables: [.init(shape: [2, 2, 2], values: [0, 1, 2, 3, 4, 5, 6, 7])]))
        #expect(array.shape == [2, 2, 2] && array.values == [0, 4, 2, 6, 1, 5, 3, 7])
    }

    @Test("complex and whole numbers are passed over, and what is of another version is told so")
    func unsupported() throws {
        #expect(throws: ArrayDecodingError.self) { try decoded(TestMat(variables: [.init(flags: 0x800)])) }
        #expect(throws: ArrayDecodingError.self) { try decoded(TestMat(variables: [.init(kind: 12)])) }
        var bytes = TestMat().bytes
        bytes[125] = 2
        let error = #expect(throws: ArrayDecodingError.self) { try decoded(bytes) }
        #expect(error?.kind == .unsupported && error?.description.contains("version 5") == true)
    }

    @Test(
        "a shape that the numbers do not fit, or that passes the limit, is refused before anything is kept",
        arguments: [false, true])
    func lies(isPacked: Bool) throws {
        for shape in [[2, 4], [1 << 30, 1 << 30], [-1, 6], [0x7FFF_FFFF, 0x7FFF_FFFF, 0x7FFF_FFFF]] {
            #expect(throws: ArrayDecodingError.self) {
                try decoded(TestMat(variables: [.init(shape: shape, isPacked: isPacked)]))
            }
        }
        let error = #expect(throws: ArrayDecodingError.self) {
            try decoded(TestMat(variables: [.init(isPacked: isPacked)]), limits: ArrayLimits(maxElements: 5))
        }
        #expect(error?.kind == .tooLarge)
    }

    @Test("a file that is cut anywhere is refused or has what it has", arguments: [false, true])
    func cut(isPacked: Bool) throws {
        let whole = TestMat(variables: [.init(isPacked: isPacked)]).bytes
        for count in 0..<whole.count - 8 {
            let array = try? decoded(Array(whole[..<count]))
            #expect(array == nil || isPacked && array?.values == [1, 3, 5, 2, 4, 6], "\(count)")
        }
    }

    @Test("damaged files end in an error of one line or in an array that is what its shape says")
    func damaged() throws {
        for (seed, isPacked) in [(21, false), (22, true)] as [(UInt64, Bool)] {
            var generator = SeededRandom(seed: seed)
            let whole = TestMat(variables: [.init(name: "other"), .init(isPacked: isPacked)]).bytes
            for round in 0..<4_000 {
                do throws(ArrayDecodingError) {
                    let bytes = mutate(whole, using: &generator)
                    let array = try bytes.withRawBytes { raw throws(ArrayDecodingError) in
                        try MatFile.array(raw, limits: ArrayLimits(maxElements: 4_096))
                    }
                    #expect(array.shape.reduce(1, *) == array.values.count && array.values.count <= 4_096)
                } catch {
                    #expect(!error.description.contains("\n"), "seed \(seed), round \(round): \(error)")
                }
            }
        }
    }
}
