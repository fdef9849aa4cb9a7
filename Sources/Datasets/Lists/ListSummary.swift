import Platform

/// What a list holds, told before anything runs on it.
public struct ListSummary: Equatable, Sendable {
    /// Rows, each a feature file.
    public let rows: Int
    /// Videos with different names.
    public let videos: Int
    /// The crops that are named, by rising number.
    public let crops: [Int]
    /// The most rows that one video has.
    public let mostRowsOfAVideo: Int
    /// Class names with the videos of each; a video of several labels counts for each.
    public let classes: [(label: String, videos: Int)]

    /// Counts.
    ///
    /// - Parameters:
    ///   - list: the rows
    ///   - classes: those of each row, by their indexes
    ///   - spelling: how the lists write labels
    public init(_ list: VideoList, classes: [[Int]], spelling: LabelSpelling) {
        var rows: [ByteText: Int] = [:]
        var crops = Set<Int>()
        var videos = 0
        var counts = [Int](repeating: 0, count: spelling.classes.count)
        rows.reserveCapacity(list.rows.count)
        for (row, labels) in zip(list.rows, classes) {
            if let crop = row.video.crop { crops.insert(crop) }
            rows[ByteText(row.video.name), default: 0] += 1
            if rows.count > videos { for label in labels { counts[label] += 1 } }
            videos = rows.count
        }
        self.rows = list.rows.count
        self.videos = videos
        self.crops = crops.sorted()
        mostRowsOfAVideo = rows.values.max() ?? 0
        self.classes = zip(spelling.classes, counts).map { ($0, $1) }
    }

    /// Whether both say the same.
    public static func == (left: ListSummary, right: ListSummary) -> Bool {
        left.rows == right.rows && left.videos == right.videos && left.crops == right.crops
            && left.mostRowsOfAVideo == right.mostRowsOfAVideo
            && left.classes.elementsEqual(right.classes) { $0.label.hasBytes(of: $1.label) && $0.videos == $1.videos }
    }

    /// Classes that no video has.
    public var emptyClasses: [String] { classes.filter { $0.videos == 0 }.map(\.label) }

    /// Fewer videos of a class teach little of it.
    private static let few = 5

    /// Classes that few videos have, each with the one that may have been meant.
    private var rare: [(label: String, videos: String, meant: String)] {
        let others = classes.filter { $0.videos >= Self.few }.map(\.label)
        return classes.filter { (1..<Self.few).contains($0.videos) }.map { one in
            let verb = one.videos == 1 ? "has" : "have"
            return (
                one.label, "\(counted(one.videos, "video")) alone \(verb) the class \(quoted(one.label))",
                LabelSpelling.meant(one.label, others)
            )
        }
    }

    /// What to say of classes of which few videos can be learned.
    var rareClasses: [String] { rare.map { "\($0.videos), too few to learn it\($0.meant)" } }

    /// What to say of classes that few videos have, and that are written nearly as another one.
    public var misspelt: [String] { rare.filter { !$0.meant.isEmpty }.map { $0.videos + $0.meant } }

    /// One line: `290 videos in 290 rows (crop 5): normal 150, abuse 2, …`.
    public var text: String {
        let crop: String =
            switch crops.count {
            case 0: ""
            case 1: " (crop \(crops[0]))"
            default: " (crops \(crops.map(String.init).joined(separator: ", ")))"
            }
        let counts = classes.map { "\($0.label) \($0.videos)" }.joined(separator: ", ")
        return "\(counted(videos, "video")) in \(counted(rows, "row"))\(crop): \(counts)"
    }
}
