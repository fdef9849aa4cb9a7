import Platform
import VadCLIP

/// The classes of a dataset and how its lists and annotations write them.
///
/// Several labels of a video stand between semicolons; XD-Violence's codes also stand between dashes, with 0 for none.
/// Upper and lower case make no difference.
public struct LabelSpelling: Equatable, Sendable {
    /// The classes as the model names them, the normal one first.
    public let classes: [String]
    /// What each class is called in the dataset's files.
    public let spellings: [String]
    /// Whether labels are joined by dashes too.
    private let joinsByDash: Bool
    private let indexes: [ByteText: Int]

    /// UCF-Crime: `Normal`, `Abuse`, … `Vandalism`.
    public static let ucfCrime = LabelSpelling(
        classes: Preset.ucfCrime.labels,
        spellings: [
            "Normal", "Abuse", "Arrest", "Arson", "Assault", "Burglary", "Explosion", "Fighting", "RoadAccidents",
            "Robbery", "Shooting", "Shoplifting", "Stealing", "Vandalism",
        ])
    /// XD-Violence: `A`, or codes as in `B2-0-0` and `B1-B6-G`.
    public static let xdViolence = LabelSpelling(
        classes: Preset.xdViolence.labels, spellings: ["A", "B1", "B2", "B4", "B5", "B6", "G"], joinsByDash: true)

    /// Classes that are written as they are called, the normal one first.
    public init(classes: [String]) { self.init(classes: classes, spellings: classes) }

    private init(classes: [String], spellings: [String], joinsByDash: Bool = false) {
        self.classes = classes
        self.spellings = spellings
        self.joinsByDash = joinsByDash
        var indexes: [ByteText: Int] = [:]
        for names in [classes, spellings] {
            for (index, name) in names.enumerated() where indexes[name.asciiLowercase] == nil {
                indexes[name.asciiLowercase] = index
            }
        }
        self.indexes = indexes
    }

    /// The spelling of a model's classes: a benchmark's where they are its own, else as they are called.
    public static func matching(_ classes: [String]) -> LabelSpelling {
        [ucfCrime, xdViolence].first { $0.isOf(classes) } ?? LabelSpelling(classes: classes)
    }

    /// Whether these are its classes in its order: models of one benchmark write them in capitals or not.
    public func isOf(_ classes: [String]) -> Bool {
        ByteText.same(classes.map(\.asciiLowercase), self.classes.map(\.asciiLowercase))
    }

    /// The classes of a list of one's own: `normal`, which has to be among its labels, then the others by the alphabet,
    /// each written as it is where it is first named.
    public static func own(of lists: [VideoList]) throws(DatasetError) -> LabelSpelling {
        var names: [ByteText: String] = [:]
        var normal: String?
        var seen = Set<ByteText>()
        for row in lists.lazy.flatMap(\.rows) where seen.insert(ByteText(row.label)).inserted {
            for label in separate(row.label) {
                let key = label.asciiLowercase
                if key == "normal" { normal = normal ?? label } else if names[key] == nil { names[key] = label }
            }
        }
        guard let normal else {
            throw DatasetError(.badData, "\(lists.first?.path ?? "the list"): no video is labelled normal")
        }
        let others = names.sorted { $0.key.text.utf8.lexicographicallyPrecedes($1.key.text.utf8) }
        return LabelSpelling(classes: [normal] + others.map(\.value))
    }

    /// The class with this name or spelling.
    public func index(of name: String) -> Int? {
        indexes[name] ?? indexes[name.trimmed(where: ASCII.isBlank).asciiLowercase]
    }

    /// Why a text is no label.
    public struct Problem: Error, Equatable, Sendable, CustomStringConvertible {
        /// One sentence, without the place.
        public let description: String
    }

    /// The classes that a video's label names, each once, by rising index; the normal class stands alone.
    public func indexes(in label: String) throws(Problem) -> [Int] {
        var found = Set<Int>()
        for piece in Self.separate(label) {
            if let index = index(of: piece) {
                found.insert(index)
                continue
            }
            let codes = joinsByDash ? piece.pieces(between: ASCII.dash).filter { $0 != "0" } : []
            guard !codes.isEmpty else { throw unknown(piece) }
            for code in codes {
                guard let index = index(of: String(code)) else { throw unknown(String(code)) }
                found.insert(index)
            }
        }
        guard !found.isEmpty else { throw Problem(description: "the label is empty") }
        guard found.count == 1 || !found.contains(0) else {
            throw Problem(description: "\(quoted(label)) names \(quoted(classes[0])) and another class")
        }
        return found.sorted()
    }

    /// The labels between semicolons, without blanks around them; empty ones are left out.
    static func separate(_ label: String) -> [String] {
        label.pieces(between: ASCII.semicolon).map { String($0.trimmed(where: ASCII.isBlank)) }.filter { !$0.isEmpty }
    }

    private func unknown(_ name: String) -> Problem {
        let known = spellings.prefix(20).joined(separator: ", ") + (spellings.count > 20 ? ", …" : "")
        return Problem(description: "the label \(quoted(name)) is none of \(known)" + Self.meant(name, spellings))
    }

    /// What somebody may have meant by a name, behind a sentence; nothing where none is near.
    static func meant(_ name: String, _ known: [String]) -> String {
        Spelling.nearest(to: name, among: known).map { ": did you mean \(quoted($0))?" } ?? ""
    }
}
