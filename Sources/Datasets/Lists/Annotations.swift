import Platform
import VadCLIP

/// A stretch of a video that is abnormal, and how.
public struct AnnotatedInterval: Equatable, Sendable {
    /// The class, by its index; never the normal one.
    public let label: Int
    /// The frames, from the first to before the last.
    public let frames: Range<Int>

    /// An interval as it is.
    public init(label: Int, frames: Range<Int>) {
        self.label = label
        self.frames = frames
    }
}

/// The abnormal intervals of videos, as people saw them: what scores are measured against. What is annotated as normal is not
/// among them.
public struct Annotations: Equatable, Sendable {
    /// Where they were read.
    public let path: String
    /// Frames a second that seconds were read with.
    public let framesPerSecond: Double?
    /// Whether plain numbers were read as seconds.
    public let inSeconds: Bool
    /// Whether it is a table of one's own; a benchmark's lines have frames alone.
    public let isTable: Bool
    private var intervals: [ByteText: [AnnotatedInterval]] = [:]
    /// Intervals of a table that plain numbers tell as frames, and how many of them are shorter than a snippet.
    private var (plain, short) = (0, 0)
    /// Videos that are annotated, in the file's order.
    public private(set) var videos: [String] = []

    /// Frames a second that a video can have.
    public static let rates = 0.01...1_000.0
    /// ``rates`` in words.
    public static let ratesText = "0.01 to 1000"
    /// The most intervals of a file, and the last frame of one: a month of video at a hundred frames a second.
    static let mostIntervals = 1_000_000, lastFrame = 1 << 28
    private static let snippet = ModelConfiguration.framesPerSnippet
    /// The most intervals of a video: each is compared with each proposal.
    static let mostOfAVideo = 4_096

    /// What is doubtful about how the numbers were read: frames of which nearly all intervals are shorter than a snippet.
    public var doubt: String? {
        guard short > 0, short * 10 >= plain * 9 else { return nil }
        return "\(short) of the \(counted(plain, "interval")) of \(path) are shorter than a snippet of "
            + "\(Self.snippet) frames: are these seconds? --seconds reads them so"
    }

    /// The intervals of a video, in the file's order; nil where the file does not name it.
    public subscript(video: String) -> [AnnotatedInterval]? { intervals[video] }

    /// Reads annotations, in gzip or not: UCF-Crime's or XD-Violence's lines of words, or a table with the header
    /// `video,label,start,end`.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - spelling: how the lists write labels
    ///   - framesPerSecond: needed where the table has seconds
    ///   - inSeconds: whether its plain numbers are seconds
    public init(
        path: String, spelling: LabelSpelling, framesPerSecond: Double? = nil, inSeconds: Bool = false
    ) throws(DatasetError) {
        try self.init(
            TextFile(path: path), spelling: spelling, framesPerSecond: framesPerSecond, inSeconds: inSeconds)
    }

    /// Reads the text of annotations.
    public init(
        _ file: TextFile, spelling: LabelSpelling, framesPerSecond: Double? = nil, inSeconds: Bool = false
    ) throws(DatasetError) {
        path = file.path
        self.framesPerSecond = framesPerSecond
        self.inSeconds = inSeconds
        let first = file.bytes.prefix { $0 != ASCII.lineFeed && $0 != ASCII.carriageReturn }
        isTable = first.contains(ASCII.comma)
        if isTable {
            try read(
                IntervalTable(file, framesPerSecond: framesPerSecond, inSeconds: inSeconds), file, spelling: spelling)
        } else {
            try read(lines: file, spelling: spelling)
        }
        if intervals.isEmpty { throw DatasetError(.badData, "\(file.path): it annotates no video") }
    }

    /// `NAME CLASS START END -1 -1` of UCF-Crime, or `NAME CLASS START END CLASS START END …` of XD-Violence.
    private mutating func read(lines file: TextFile, spelling: LabelSpelling) throws(DatasetError) {
        var faults = Cases()
        for (line, words) in file.words() {
            // Some names of XD-Violence's file keep the video file's ending.
            let video = VideoName(path: words[0]).name
            do throws(DatasetError) {
                guard intervals[video] == nil else {
                    throw file.fault(line, "the video \(quoted(video)) is there twice")
                }
                let own = try Self.intervals(words.dropFirst(), line, file, spelling)
                videos.append(video)
                intervals[video] = own
            } catch {
                faults.add(error.description)
            }
        }
        try faults.check()
    }

    private static func intervals(
        _ words: ArraySlice<String>, _ line: Int, _ file: TextFile, _ spelling: LabelSpelling
    ) throws(DatasetError) -> [AnnotatedInterval] {
        var found: [AnnotatedInterval] = []
        var label: Int?
        var rest = words
        while let word = rest.first {
            if frame(word) == nil {
                guard let index = spelling.index(of: word) else { throw file.fault(line, unknown(word, spelling)) }
                label = index
                rest.removeFirst()
            }
            guard let label else {
                throw file.fault(
                    line, "no class stands before \(quoted(word)): expected the file that has the intervals' classes")
            }
            guard found.count < mostOfAVideo else { throw file.fault(line, "more than \(mostOfAVideo) intervals") }
            let numbers = rest.prefix(2).compactMap(frame)
            guard numbers.count == 2 else {
                throw file.fault(line, "expected a first and a last frame behind the class")
            }
            rest = rest.dropFirst(2)
            if numbers == [-1, -1] { continue }
            let frames = try range(numbers[0], numbers[1], line, file)
            if label != 0 { found.append(AnnotatedInterval(label: label, frames: frames)) }
        }
        guard label != nil else { throw file.fault(line, "the video has no class") }
        return found
    }

    private mutating func read(
        _ table: IntervalTable, _ file: TextFile, spelling: LabelSpelling
    ) throws(DatasetError) {
        guard table.rows.count <= Self.mostIntervals else {
            throw DatasetError(.badData, "\(file.path): more than \(Self.mostIntervals) intervals")
        }
        var faults = Cases()
        for row in table.rows {
            do throws(DatasetError) { try add(table.read(row), row.line, file, spelling) } catch {
                faults.add(error.description)
            }
        }
        try faults.check()
    }

    private mutating func add(
        _ row: IntervalTable.Row, _ line: Int, _ file: TextFile, _ spelling: LabelSpelling
    ) throws(DatasetError) {
        guard let label = spelling.index(of: row.label) else {
            throw file.fault(line, Self.unknown(row.label, spelling))
        }
        let video = ByteText(VideoName(path: row.video).name)
        let count = intervals[video]?.count
        if count == nil {
            videos.append(video.text)
            intervals[video] = []
        }
        guard count ?? 0 < Self.mostOfAVideo else {
            throw file.fault(line, "more than \(Self.mostOfAVideo) intervals of \(quoted(video.text))")
        }
        // A row without an interval, or with a normal one, says that the video was looked at.
        guard let interval = row.interval else { return }
        let frames = try Self.range(interval.start, interval.end, line, file)
        if interval.isPlain {
            plain += 1
            if frames.count < Self.snippet { short += 1 }
        }
        if label != 0 { intervals[video]?.append(AnnotatedInterval(label: label, frames: frames)) }
    }

    private static func range(
        _ start: Int, _ end: Int, _ line: Int, _ file: TextFile
    ) throws(DatasetError) -> Range<Int> {
        guard start >= 0, end <= lastFrame else {
            throw file.fault(line, "frames \(start) to \(end): expected frames from 0 to \(lastFrame)")
        }
        guard start < end else { throw file.fault(line, "frames \(start) to \(end): the end is not behind the start") }
        return start..<end
    }

    private static func unknown(_ word: String, _ spelling: LabelSpelling) -> String {
        "the label \(quoted(word)) is none of \(spelling.spellings.prefix(20).joined(separator: ", "))"
            + LabelSpelling.meant(word, spelling.spellings)
    }

    /// A whole number, of at most ten digits.
    private static func frame(_ word: String) -> Int? {
        let digits = word.begins(with: "-") ? word.utf8.dropFirst() : word.utf8[...]
        return ASCII.number(digits, most: 10).map { word.begins(with: "-") ? -$0 : $0 }
    }
}
