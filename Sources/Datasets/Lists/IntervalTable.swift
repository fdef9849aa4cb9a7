import Platform

/// Annotations of one's own: a table with the columns `video`, `label`, `start` and `end`, and `fps` where videos differ.
///
/// `start` and `end` are frames; seconds where the caller says so, where the columns are called `start_seconds` and
/// `end_seconds`, or where a value is written as `12.5s` or `1:02.5`. Both empty: the video was looked at and has none.
struct IntervalTable {
    struct Row {
        let video: String
        let label: String
        /// Frames, and whether plain numbers tell them.
        let interval: (start: Int, end: Int, isPlain: Bool)?
    }

    /// The rows as they stand in the file.
    var rows: [CommaTable.Row] { table.rows }

    private let file: TextFile
    private let table: CommaTable
    private let framesPerSecond: Double?
    private let inSeconds: Bool
    private let columns: (video: Int, label: Int, start: Int, end: Int, rate: Int?)

    init(_ file: TextFile, framesPerSecond: Double?, inSeconds: Bool) throws(DatasetError) {
        let table = try CommaTable(file)
        let plain = table.columns(["video", "label", "start", "end", "fps"])
        let seconds = table.columns(["start_seconds", "end_seconds"])
        guard let video = plain[0], let label = plain[1], let start = plain[2] ?? seconds[0],
            let end = plain[3] ?? seconds[1]
        else {
            throw file.fault(
                table.header.line,
                "the header is \(quoted(table.header.fields.joined(separator: ","))): expected video,label,start,end")
        }
        self.file = file
        self.table = table
        self.framesPerSecond = framesPerSecond
        self.inSeconds = inSeconds || plain[2] == nil
        columns = (video, label, start, end, plain[4])
    }

    /// What a row says.
    func read(_ row: CommaTable.Row) throws(DatasetError) -> Row {
        try table.check(row, in: file)
        let rate = try columns.rate.map { (column) throws(DatasetError) in
            try Self.rate(row.fields[column], row.line, file)
        }
        let reader = FrameReader(file: file, line: row.line, rate: rate ?? framesPerSecond, isSeconds: inSeconds)
        let (start, end) = (row.fields[columns.start], row.fields[columns.end])
        return Row(
            video: Self.name(row.fields[columns.video]), label: Self.name(row.fields[columns.label]),
            interval: start.isEmpty && end.isEmpty
                ? nil
                : (
                    try reader.frame(start), try reader.frame(end), !reader.isTime(start) && !reader.isTime(end)
                ))
    }

    /// Without the apostrophe that Vigil, and spreadsheets, write before what would be a formula.
    private static func name(_ cell: String) -> String {
        let bytes = cell.utf8
        guard bytes.first == UInt8(ascii: "'"), let second = bytes.dropFirst().first, "=+-@\t\r".utf8.contains(second)
        else { return cell }
        return String(cell.dropFirst())
    }

    private static func rate(_ text: String, _ line: Int, _ file: TextFile) throws(DatasetError) -> Double {
        guard let rate = Double(text), Annotations.rates.contains(rate) else {
            throw file.fault(line, "fps \(quoted(text)): expected frames a second, \(Annotations.ratesText)")
        }
        return rate
    }

    /// Reads a frame or a time.
    private struct FrameReader {
        let file: TextFile
        let line: Int
        let rate: Double?
        let isSeconds: Bool

        /// Whether it is a time, and no number of a frame.
        func isTime(_ text: String) -> Bool {
            isSeconds || text.utf8.contains(ASCII.colon) || text.trimmed(where: ASCII.isBlank).ends(with: "s")
        }

        func frame(_ text: String) throws(DatasetError) -> Int {
            let isTime = isTime(text)
            let text = text.trimmed(where: ASCII.isBlank)
            if !isTime {
                if let frame = ASCII.number(text.utf8, most: 10) { return frame }
                let hint = Double(text) == nil ? "" : "; write seconds as \(text)s, or say that they are seconds"
                throw file.fault(line, "\(quoted(text)): expected a whole number of frames\(hint)")
            }
            guard let seconds = Self.seconds(text), seconds.isFinite, seconds >= 0, seconds < 1e9 else {
                throw file.fault(line, "\(quoted(text)): expected seconds, as 62.5s or 1:02.5")
            }
            guard let rate else {
                throw file.fault(line, "\(quoted(text)) is in seconds: the frames a second must be given too (--fps)")
            }
            guard (seconds * rate).isFinite, rate > 0 else {
                throw file.fault(line, "\(rate) frames a second: expected \(Annotations.ratesText)")
            }
            // Below the last frame, so that it fits.
            return Int(min((seconds * rate).rounded(), Double(Annotations.lastFrame) + 1))
        }

        /// `12.5`, `12.5s`, `1:02.5` or `1:01:02`.
        private static func seconds(_ text: Substring) -> Double? {
            let digits = text.ends(with: "s") ? Substring(text.utf8.dropLast()) : text
            let pieces = digits.pieces(between: ASCII.colon)
            guard pieces.count <= 3 else { return nil }
            var total = 0.0
            for piece in pieces {
                guard piece.utf8.allSatisfy({ ASCII.isDigit($0) || $0 == ASCII.dot }), let value = Double(piece) else {
                    return nil
                }
                total = total * 60 + value
            }
            return total
        }
    }
}
