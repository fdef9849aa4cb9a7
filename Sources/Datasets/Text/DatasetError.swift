import Formats
import Platform

/// Why a list, annotations or features can't be used, in one sentence that names the file and, where it has one, the line.
public struct DatasetError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sort of fault.
    public enum Kind: Equatable, Sendable {
        /// A file or folder that is to be read and can't be.
        case noInput
        /// What is in a file.
        case badData
    }

    /// The sort of fault.
    public let kind: Kind
    /// The sentence.
    public let description: String
    /// Where several places have the fault, a sentence for each of the first; else the one sentence.
    public let cases: [String]
    /// How many places have it.
    public let count: Int

    /// A fault of this sort, told in one sentence.
    public init(_ kind: Kind, _ description: String) {
        self.init(kind, description, cases: [description], count: 1)
    }

    init(_ kind: Kind, _ description: String, cases: [String], count: Int) {
        self.kind = kind
        self.description = description
        self.cases = cases
        self.count = count
    }

    init(_ error: FileError) { self.init(.noInput, error.description) }
}

/// What is found in a list, annotations or features: a fault or a doubt, and each place that has it.
public struct Finding: Equatable, Sendable, CustomStringConvertible {
    /// What sort of error it is, with which nothing can go on; nil for a doubt.
    public let error: DatasetError.Kind?
    /// One sentence.
    public let description: String
    /// A sentence for each of the first places.
    public let cases: [String]
    /// How many places have it.
    public let count: Int

    /// A doubt.
    public init(doubt description: String) { self.init(Cases([description]), nil) }

    /// A doubt that several places raise.
    public init(doubts: [String]) { self.init(Cases(doubts), nil) }

    /// A fault.
    public init(_ error: DatasetError) {
        self.error = error.kind
        description = error.description
        cases = error.cases
        count = error.count
    }

    /// What places have in common; told by the first one where nothing else is said.
    init(_ cases: Cases, _ error: DatasetError.Kind?, _ description: String? = nil) {
        self.error = error
        self.description = description ?? cases.told
        self.cases = cases.texts
        count = cases.count
    }
}

extension Finding {
    /// Faults with their likes: those of files that can't be read, and those of what is in them.
    public static func each(_ faults: [DatasetError]) -> [Finding] {
        [DatasetError.Kind.noInput, .badData].compactMap { kind in
            Cases(faults.filter { $0.kind == kind }.map(\.description)).error(kind).map { Finding($0) }
        }
    }
}

extension [Finding] {
    /// Throws the first fault, and says how many more there are.
    public func check() throws(DatasetError) {
        let errors = filter { $0.error != nil }
        guard let first = errors.first, let kind = first.error else { return }
        let more = errors.count > 1 ? "; and \(errors.count - 1) more faults" : ""
        throw DatasetError(kind, first.description + more, cases: first.cases, count: first.count)
    }
}

/// Places that have one fault, as they are found: all are counted, and as many told as anyone reads.
struct Cases {
    private(set) var texts: [String] = []
    private(set) var count = 0

    /// The most that are told.
    static let mostTexts = 10_000

    init(_ texts: [String] = []) { for text in texts { add(text) } }

    var isEmpty: Bool { count == 0 }

    mutating func add(_ text: @autoclosure () -> String) {
        count += 1
        if texts.count < Self.mostTexts { texts.append(text()) }
    }

    /// The first, and how many more there are.
    var told: String { (texts.first ?? "") + (count > 1 ? "; and \(count - 1) more like it" : "") }

    /// All of them; nil where there are none.
    func error(_ kind: DatasetError.Kind) -> DatasetError? {
        isEmpty ? nil : DatasetError(kind, told, cases: texts, count: count)
    }

    /// Throws where there are any.
    func check() throws(DatasetError) { if let error = error(.badData) { throw error } }
}
