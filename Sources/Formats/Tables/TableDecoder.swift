import JSON
import Platform

/// Decodes rows of numbers in text: a row a line, with commas, semicolons, tabs or blanks between them, as `numpy.savetxt`
/// and `pandas.DataFrame.to_csv` write them.
///
/// Lines that are empty or begin with # are passed over. The first other one may have titles; where the first of these is
/// empty, as pandas has it, the first column only counts the rows and is left out.
public struct TableDecoder: ArrayDecoder {
    /// Bytes of a line: many times what the widest features take.
    private static let longestLine = 4 << 20

    private let limits: ArrayLimits
    private var values: [Float] = []
    private var rows = 0
    private var width = 0
    private var line = 0
    private var pending: [UInt8] = []
    /// What is between numbers; nil until there is a line of them. A blank is any number of blanks.
    private var mark: UInt8?
    private var hasTitles = false
    private var isCounted = false
    private var failure: ArrayDecodingError?

    /// A decoder that has seen nothing.
    public init(limits: ArrayLimits = ArrayLimits()) { self.limits = limits }

    /// Takes the next bytes in.
    public mutating func feed(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        if let failure { throw failure }
        do throws(ArrayDecodingError) {
            var rest = bytes
            while let end = rest.firstIndex(of: ASCII.lineFeed) {
                if pending.isEmpty {
                    try take(rest.part(0..<end))
                } else {
                    try keep(rest.part(0..<end))
                    try takePending()
                }
                rest = rest.part(end + 1..<rest.count)
            }
            try keep(rest)
        } catch {
            failure = error
            throw error
        }
    }

    /// Bytes of the numbers so far.
    public var heldBytes: Int { values.count * 4 }

    /// The rows, [rows, width].
    public mutating func finish() throws(ArrayDecodingError) -> DecodedArray {
        if let failure { throw failure }
        if !pending.isEmpty { try takePending() }
        guard rows > 0 else { throw ArrayDecodingError(.malformed, "the table has no row of numbers") }
        let taken = values
        values = []
        return DecodedArray(shape: [rows, width], elementType: .float32, values: taken)
    }

    private mutating func keep(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        guard pending.count + bytes.count <= Self.longestLine else {
            throw ArrayDecodingError(
                .excessive, "line \(line + 1) of the table has more than \(Self.longestLine) bytes")
        }
        pending.append(contentsOf: bytes)
    }

    private mutating func takePending() throws(ArrayDecodingError) {
        let whole = pending
        pending = []
        try whole.withRawBytes { raw throws(ArrayDecodingError) in try take(raw) }
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer) throws(ArrayDecodingError) {
        line += 1
        guard bytes.count <= Self.longestLine else {
            throw ArrayDecodingError(.excessive, "line \(line) of the table has more than \(Self.longestLine) bytes")
        }
        var text = line == 1 ? UnsafeRawBufferPointer(rebasing: PlainText.withoutMark(bytes)) : bytes
        while let last = text.last, Self.isBlank(last) { text = text.part(0..<text.count - 1) }
        // A leading tab is an empty first cell.
        while let first = text.first, first == ASCII.space { text = text.part(1..<text.count) }
        guard let first = text.first, first != UInt8(ascii: "#") else { return }
        let mark = mark ?? Self.mark(in: text)
        if rows == 0, !hasTitles, Self.hasTitles(text, mark) {
            hasTitles = true
            isCounted = mark != ASCII.space && Self.cell(text, mark, from: 0).text.isEmpty
            return
        }
        self.mark = mark
        try takeRow(text, mark)
    }

    private mutating func takeRow(_ text: UnsafeRawBufferPointer, _ mark: UInt8) throws(ArrayDecodingError) {
        var at = 0
        var column = 0
        let before = values.count
        while at <= text.count {
            let (cell, next) = Self.cell(text, mark, from: at)
            at = next
            column += 1
            if isCounted, column == 1 { continue }
            guard let value = Self.number(cell) else {
                throw ArrayDecodingError(
                    .malformed,
                    "line \(line) of the table has \(quoted(String(decoding: cell.prefix(40), as: UTF8.self))) as its number \(column): "
                        + "expected rows of numbers alone, with a full stop before decimals")
            }
            guard values.count < limits.maxElements else {
                throw ArrayDecodingError(
                    .tooLarge, "the table has more than the limit of \(limits.maxElements) numbers")
            }
            values.append(value)
        }
        let found = values.count - before
        if rows == 0 { width = found }
        guard found == width, found > 0 else {
            throw ArrayDecodingError(
                .unfit, "line \(line) of the table has \(found) numbers, and those before it \(width)")
        }
        rows += 1
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == ASCII.space || byte == ASCII.carriageReturn }

    /// What is between the cells of a line: the first of these that it has.
    private static func mark(in text: UnsafeRawBufferPointer) -> UInt8 {
        let marks = [ASCII.tab, UInt8(ascii: ","), UInt8(ascii: ";")]
        return marks.first { text.contains($0) } ?? ASCII.space
    }

    /// The cell that begins at `start`, without blanks and quotation marks around it, and where the next one begins: beyond
    /// the end of the text behind the last one.
    private static func cell(
        _ text: UnsafeRawBufferPointer, _ mark: UInt8, from start: Int
    ) -> (text: UnsafeRawBufferPointer, next: Int) {
        var end = start
        while end < text.count, text[end] != mark { end += 1 }
        var next = end + 1
        if mark == ASCII.space { while next < text.count, text[next] == mark { next += 1 } }
        var range = start..<end
        while let first = range.first, isMargin(text[first]) { range = first + 1..<end }
        while let last = range.last, isMargin(text[last]) { range = range.lowerBound..<last }
        return (text.part(range), next)
    }

    private static func isMargin(_ byte: UInt8) -> Bool { isBlank(byte) || byte == UInt8(ascii: "\"") }

    /// Whether a line has a cell that is no number, or only counts the columns, 0, 1, 2 and so on.
    private static func hasTitles(_ text: UnsafeRawBufferPointer, _ mark: UInt8) -> Bool {
        var at = 0
        var column = 0
        var counts = true
        while at <= text.count {
            let (cell, next) = cell(text, mark, from: at)
            guard let number = number(cell) else { return true }
            counts = counts && number == Float(column)
            (at, column) = (next, column + 1)
        }
        return counts && column > 2
    }

    /// A number as JSON has it, or with a sign or without a digit before the full stop, or none as `nan` and `inf`.
    private static func number(_ text: UnsafeRawBufferPointer) -> Float? {
        if let number = DecimalNumber(text) { return number.float }
        guard (1...64).contains(text.count), text.allSatisfy({ "0123456789+-.eEnNaAiIfF".utf8.contains($0) }) else {
            return nil
        }
        return Float(String(decoding: text, as: UTF8.self))
    }
}
