/// How reports are laid out for people.
enum ReportText {
    /// Cells in columns: the first begins its column, the others end theirs.
    static func row(_ cells: [String], widths: [Int]) -> String {
        zip(cells, widths).enumerated().map { index, cell in
            let space = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return index == 0 ? cell.0 + space : space + cell.0
        }.joined()
    }

    /// An amount of memory.
    static func gigabytes(_ bytes: Int) -> String { "\(fixed(Double(bytes) / 1e9, 2)) GB" }

    /// A number with so many digits after the point.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        let scale = (0..<digits).reduce(1) { scale, _ in scale * 10 }
        guard let scaled = Int(exactly: (abs(value) * Double(scale)).rounded()) else { return "\(value)" }
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let rest = String(scaled % scale)
        return "\(sign)\(scaled / scale)." + String(repeating: "0", count: digits - rest.count) + rest
    }
}
