import Platform

/// A list of videos: a table with the columns `path` and `label`, a row a feature file.
public struct VideoList: Equatable, Sendable {
    /// A row of the list.
    public struct Row: Equatable, Sendable {
        /// Where it stands, counted from 1.
        public let line: Int
        /// The feature file as the list has it; published lists have other people's folders.
        public let path: String
        /// The label as the list writes it.
        public let label: String
        /// What the path says.
        public let video: VideoName

        /// A row as it stands in a list.
        public init(line: Int, path: String, label: String) {
            self.line = line
            self.path = path
            self.label = label
            video = VideoName(path: path)
        }
    }

    /// Where the list is.
    public let path: String
    /// Its rows, in order.
    public let rows: [Row]

    /// Reads a list, plain or in gzip.
    public init(path: String) throws(DatasetError) { try self.init(TextFile(path: path)) }

    /// Reads the text of a list.
    public init(_ file: TextFile) throws(DatasetError) {
        let table = try CommaTable(file)
        let columns = table.columns(["path", "label"])
        guard let path = columns[0], let label = columns[1] else {
            throw file.fault(
                table.header.line,
                "the header is \(quoted(table.header.fields.joined(separator: ","))): expected path,label")
        }
        var rows: [Row] = []
        rows.reserveCapacity(table.rows.count)
        for row in table.rows {
            guard row.fields.count == table.header.fields.count else {
                throw file.fault(
                    row.line, "\(row.fields.count) fields: expected \(table.header.fields.count), as the header has")
            }
            guard !row.fields[path].isEmpty else { throw file.fault(row.line, "the path is empty") }
            rows.append(Row(line: row.line, path: row.fields[path], label: row.fields[label]))
        }
        guard !rows.isEmpty else { throw DatasetError(.badData, "\(file.path): the list has no video") }
        self.path = file.path
        self.rows = rows
    }

    /// Rows that are there already.
    ///
    /// - Parameter path: where they come from, for messages
    public init(path: String, rows: [Row]) {
        self.path = path
        self.rows = rows
    }

    /// The rows of one crop alone; throws where there are none.
    public func only(crop: Int) throws(DatasetError) -> VideoList {
        let rows = rows.filter { $0.video.crop == crop }
        guard !rows.isEmpty else { throw DatasetError(.badData, "\(path) has no row of crop \(crop)") }
        return VideoList(path: path, rows: rows)
    }

    /// The classes of each row, by rising index; throws at the first label that is none.
    public func classes(_ spelling: LabelSpelling) throws(DatasetError) -> [[Int]] {
        var classes: [[Int]] = []
        classes.reserveCapacity(rows.count)
        for row in rows {
            do throws(LabelSpelling.Problem) { classes.append(try spelling.indexes(in: row.label)) } catch {
                throw DatasetError(.badData, "\(path), line \(row.line): \(error.description)")
            }
        }
        return classes
    }
}
