/// Metrics as text, family by family.
///
/// What comes from outside, such as the name of a key, is escaped, so that no value can end its line or its quotes.
public struct TextWriter: Sendable {
    /// What has been written.
    public private(set) var bytes: [UInt8] = []
    /// How it is written.
    public let format: TextFormat

    /// Writes in a format, with room for so many bytes.
    public init(_ format: TextFormat, reserving capacity: Int = 0) {
        self.format = format
        bytes.reserveCapacity(capacity)
    }

    /// The head of a family, whose samples follow.
    public mutating func begin(_ family: Family) {
        let isOpen = format == .openMetrics
        let name = isOpen ? family.stem : family.name
        append("# HELP ", name, " ")
        appendEscaped(family.help, quotes: isOpen)
        append("\n# TYPE ", name, " ", family.kind == .info && !isOpen ? "gauge" : family.kind.rawValue, "\n")
        if isOpen, family.unit != .none { append("# UNIT ", name, " ", family.unit.rawValue, "\n") }
    }

    /// What stands before a sample's value: its name, its labels and a blank.
    ///
    /// - Parameters:
    ///   - ending: what the name of a histogram's sample has more than its family's
    ///   - bound: the value of `le`, which stands behind the labels
    static func beginning(
        of family: Family, ending: String = "", labels values: [String], bound: String? = nil
    ) -> [UInt8] {
        precondition(values.count == family.labels.count, "\(family.name) has other labels")
        var writer = TextWriter(.prometheus)
        writer.append(family.name, ending)
        var pairs = Array(zip(family.labels, values))
        if let bound { pairs.append(("le", bound)) }
        for (index, pair) in pairs.enumerated() {
            writer.append(index == 0 ? "{" : ",", pair.0, "=\"")
            writer.appendEscaped(pair.1, quotes: true)
            writer.append("\"")
        }
        writer.append(pairs.isEmpty ? " " : "} ")
        return writer.bytes
    }

    /// A sample whose beginning is written, with a value in what the family keeps.
    ///
    /// - Parameter measured: what the exemplar's value is of
    mutating func sample(
        _ beginning: [UInt8], _ value: Int, _ unit: Family.Unit, exemplar: Exemplar? = nil,
        of measured: Family.Unit = .none
    ) {
        bytes += beginning
        append(value, over: unit.scale)
        if let exemplar, format == .openMetrics { append(exemplar, measured) }
        bytes.append(newline)
    }

    /// A sample of a family whose series are not known beforehand.
    public mutating func sample(_ family: Family, _ labels: [String] = [], _ value: Int) {
        sample(Self.beginning(of: family, labels: labels), value, family.unit)
    }

    /// A sample that is no whole number, in the family's unit.
    public mutating func sample(_ family: Family, _ labels: [String] = [], of value: Double) {
        bytes += Self.beginning(of: family, labels: labels)
        append(Self.text(value), "\n")
    }

    /// Ends the text; nothing may follow.
    public mutating func end() {
        if format == .openMetrics { append("# EOF\n") }
    }

    private let newline = UInt8(ascii: "\n")
}

extension TextWriter {
    private mutating func append(_ texts: String...) {
        for text in texts { bytes.append(contentsOf: text.utf8) }
    }

    /// Text of a label's value or, where quotes stand as they are, of a help line.
    private mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case newline: append("\\n")
            case UInt8(ascii: "\"") where quotes: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }

    /// A whole number of parts, of which `scale` make one, in all its digits: no sum of times is rounded.
    private mutating func append(_ value: Int, over scale: Int) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let parts = value.magnitude.quotientAndRemainder(dividingBy: UInt(scale))
        appendDigits(parts.quotient)
        guard parts.remainder > 0 else { return }
        bytes.append(UInt8(ascii: "."))
        var (rest, unit) = (parts.remainder, UInt(scale) / 10)
        while rest > 0, unit > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(rest / unit))
            rest %= unit
            unit /= 10
        }
    }

    private mutating func appendDigits(_ number: UInt) {
        let start = bytes.count
        var left = number
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(left % 10))
            left /= 10
        } while left > 0
        bytes[start...].reverse()
    }

    private mutating func append(_ exemplar: Exemplar, _ unit: Family.Unit) {
        append(" # {trace_id=\"")
        appendEscaped(exemplar.traceID, quotes: true)
        append("\"} ")
        append(exemplar.value, over: unit.scale)
        append(" ")
        append(exemplar.milliseconds, over: 1_000)
    }

    /// The upper end of a bucket. It has a point in both formats: a series keeps its name whichever of them is asked for.
    static func bound(_ value: Int, _ unit: Family.Unit) -> String {
        var writer = TextWriter(.prometheus)
        writer.append(value, over: unit.scale)
        let text = String(decoding: writer.bytes, as: UTF8.self)
        return text.utf8.contains(UInt8(ascii: ".")) ? text : text + ".0"
    }

    private static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        return "\(value)"
    }
}
