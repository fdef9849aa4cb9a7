import TestSupport
import Testing

@testable import Formats

@Suite("Tables of numbers in text")
struct TableTests {
    private func decoded(_ text: String, limits: ArrayLimits = ArrayLimits()) throws -> DecodedArray {
        try decode(Array(text.utf8), with: TableDecoder(limits: limits))
    }

    @Test(
        "cells stand between commas, semicolons, tabs or blanks, with quotation marks or without",
        arguments: ["1,2\n3,4\n", "1;2\r\n3;4", "1\t2\n3\t4\n", "1 2\n  3   4 \n", "\"1\", \"2\"\n\n3,4\n\n"])
    func marks(text: String) throws {
        let array = try decoded(text)
        #expect(array.shape == [2, 2] && array.values == [1, 2, 3, 4])
    }

    @Test(
        "a line of titles, of columns' numbers, and remarks are passed over",
        arguments: ["a,b,c\n1,2,3\n", "# by numpy\n1,2,3", "0,1,2\n1,2,3\n", "\u{FEFF}1,2,3\n", "title\n1,2,3\n"])
    func titles(text: String) throws { #expect(try decoded(text).values == [1, 2, 3]) }

    @Test("a first column that only counts the rows, under an empty title, is left out")
    func counted() throws {
        let array = try decoded(",x,y\n0,5,6\n1,7,8\n")
        #expect(array.shape == [2, 2] && array.values == [5, 6, 7, 8])
    }

    @Test("numbers are rounded as JSON's are, and may have a sign, no leading digit, or be none")
    func numbers() throws {
        let array = try decoded("1e-3,+2,.5,-1.00000017881393432617187499,1e39,nan\n")
        #expect(array.values.prefix(5) == [0.001, 2, 0.5, -1.0000001, .infinity] && array.values[5].isNaN)
    }

    @Test(
        "what is no table is refused with its line",
        arguments: [
            ("", "no row"), ("a,b\n", "no row"), ("1,2\n3\n", "line 2"), ("1,2\n3,x\n", "line 2"),
            ("1,2\n3,4,\n", "line 2"),
            ("1.5,2\n\n1,5;2,5\n", "line 3"), ("1,2\n0x1,2\n", "line 2"),
        ])
    func refused(text: String, says: String) throws {
        let error = #expect(throws: ArrayDecodingError.self) { try decoded(text) }
        #expect(error?.description.contains(says) == true, "\(error.map(\.description) ?? "")")
    }

    @Test("limits hold for numbers and for a line")
    func limits() throws {
        #expect(throws: ArrayDecodingError.self) { try decoded("1,2,3\n4,5,6\n", limits: ArrayLimits(maxElements: 5)) }
        #expect(try decoded("1,2,3\n4,5,6\n", limits: ArrayLimits(maxElements: 6)).shape == [2, 3])
        var decoder = TableDecoder()
        let piece = [UInt8](repeating: UInt8(ascii: "1"), count: 1 << 20)
        let error = #expect(throws: ArrayDecodingError.self) { for _ in 0..<5 { try decoder.feed(piece) } }
        #expect(error?.kind == .excessive)
        #expect(throws: ArrayDecodingError.self) { try decoder.feed(piece) }
    }
}
