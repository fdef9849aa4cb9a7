import Platform

/// A table of values between commas (RFC 4180): quotes around what holds commas, lines ending in LF, CRLF or CR.
struct CommaTable {
    /// A line that is not blank.
    struct Row: Equatable {
        /// Counted from 1 in the file.
        let line: Int
        let fields: [String]
    }

    /// The first row.
    let header: Row
    let rows: [Row]

    /// The most rows, and the most bytes of a field.
    static let mostRows = 4_000_000, mostFieldBytes = 8_192

    init(_ file: TextFile) throws(DatasetError) {
        var reader = Reader(file: file)
        var rows = try reader.rows()
        guard !rows.isEmpty else { throw DatasetError(.badData, "\(file.path): it is empty") }
        header = rows.removeFirst()
        self.rows = rows
    }

    /// The column of each name, in whatever order the header has them; nil for those that are not there.
    func columns(_ names: [String]) -> [Int?] {
        let titles = header.fields.map { $0.trimmed(where: ASCII.isBlank).asciiLowercase }
        return names.map { titles.firstIndex(of: $0) }
    }

    /// Throws where a row has not as many fields as the header.
    func check(_ row: Row, in file: TextFile) throws(DatasetError) {
        guard row.fields.count != header.fields.count else { return }
        throw file.fault(row.line, "\(row.fields.count) fields: expected \(header.fields.count), as the header has")
    }

    /// Reads the fields of a text, one after the other.
    private struct Reader {
        let file: TextFile
        var at = 0
        var line = 1

        mutating func rows() throws(DatasetError) -> [Row] {
            var rows: [Row] = []
            while at < file.bytes.count {
                let begin = line
                let fields = try row()
                if fields.count == 1, fields[0].isEmpty { continue }
                guard rows.count <= CommaTable.mostRows else {
                    throw file.fault(begin, "more than \(CommaTable.mostRows) rows")
                }
                rows.append(Row(line: begin, fields: fields))
            }
            return rows
        }

        private mutating func row() throws(DatasetError) -> [String] {
            var fields: [String] = []
            while true {
                fields.append(try at < file.bytes.count && file.bytes[at] == ASCII.quote ? quotedField() : field())
                guard at < file.bytes.count else { return fields }
                let sign = file.bytes[at]
                at += 1
                if sign == ASCII.comma { continue }
                if sign == ASCII.carriageReturn, at < file.bytes.count, file.bytes[at] == ASCII.lineFeed { at += 1 }
                line += 1
                return fields
            }
        }

        private static func endsField(_ byte: UInt8) -> Bool {
            byte == ASCII.comma || byte == ASCII.lineFeed || byte == ASCII.carriageReturn
        }

        private mutating func field() throws(DatasetError) -> String {
            let rest = file.bytes[at...]
            let end = rest.firstIndex(where: Self.endsField) ?? rest.endIndex
            try check(end - at)
            let text = String(decoding: file.bytes[at..<end], as: UTF8.self)
            at = end
            return text
        }

        /// Between quotes, of which two stand for one.
        private mutating func quotedField() throws(DatasetError) -> String {
            let begin = line
            var bytes: [UInt8] = []
            at += 1
            while true {
                guard at < file.bytes.count else { throw file.fault(begin, "a quote is opened and not closed") }
                let byte = file.bytes[at]
                at += 1
                if byte == ASCII.quote {
                    guard at < file.bytes.count, file.bytes[at] == ASCII.quote else { break }
                    at += 1
                } else if byte == ASCII.lineFeed {
                    line += 1
                }
                bytes.append(byte)
                try check(bytes.count)
            }
            guard at == file.bytes.count || Self.endsField(file.bytes[at]) else {
                throw file.fault(line, "something follows a closing quote: expected a comma or the line's end")
            }
            return String(decoding: bytes, as: UTF8.self)
        }

        private func check(_ count: Int) throws(DatasetError) {
            guard count <= CommaTable.mostFieldBytes else {
                throw file.fault(line, "a field has more than \(CommaTable.mostFieldBytes) bytes")
            }
        }
    }
}
