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
        var faults = Cases()
        rows.reserveCapacity(table.rows.count)
        for row in table.rows {
            do throws(DatasetError) {
                try table.check(row, in: file)
                guard !row.fields[path].isEmpty else { throw file.fault(row.line, "the path is empty") }
                rows.append(Row(line: row.line, path: row.fields[path], label: row.fields[label]))
            } catch {
                faults.add(error.description)
            }
        }
        try faults.check()
        guard !rows.isEmpty else { throw DatasetError(.badData, "\(file.path): the list has no video") }
        self.path = file.path
        self.rows = rows
    }

    /// Rows that are there already.
    ///
    /// - Parameters:
    ///   - path: where they come from, for messages
    ///   - rows: the rows
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

    /// The classes of each row, by rising index; throws at labels that are none, all of them.
    public func classes(_ spelling: LabelSpelling) throws(DatasetError) -> [[Int]] {
        let (classes, fault) = labelled(spelling)
        if let fault { throw fault }
        return classes
    }

    /// The classes of each row, none where the label is none, and what is wrong with labels.
    public func labelled(_ spelling: LabelSpelling) -> (classes: [[Int]], fault: DatasetError?) {
        var classes: [[Int]] = []
        classes.reserveCapacity(rows.count)
        var faults = Cases()
        // Labels are few, however many rows there are.
        var known: [ByteText: [Int]] = [:]
        for row in rows {
            if let same = known[row.label] {
                classes.append(same)
                continue
            }
            var found: [Int] = []
            do throws(LabelSpelling.Problem) {
                found = try spelling.indexes(in: row.label)
                known[row.label] = found
            } catch {
                faults.add("\(path), line \(row.line): \(error.description)")
            }
            classes.append(found)
        }
        return (classes, faults.error(.badData))
    }
}
