import Platform

/// What the types of problems mean, as openapi.yaml says: its `x-problem-types` and `x-failure-types`, in which each has
/// a line, `name: {status: 429, meaning: …}`.
struct ProblemTypes {
    /// Where all of them are listed.
    static let path = "/problems"

    /// One of them.
    struct Entry: Sendable, Equatable {
        let name: String
        /// The status of answers; nil for what is a job's error alone.
        let status: Int?
        let meaning: String
    }

    /// By their names in order.
    let all: [Entry]

    /// Reads them from the description.
    init(_ openAPI: [UInt8]) {
        var entries: [String: Entry] = [:]
        var isInside = false
        for line in openAPI.split(separator: UInt8(ascii: "\n")) {
            if line.first != UInt8(ascii: " ") {
                isInside = line.elementsEqual("x-problem-types:".utf8) || line.elementsEqual("x-failure-types:".utf8)
            } else if isInside, let entry = Self.entry(String(decoding: line, as: UTF8.self)) {
                // A job's error may be an answer's problem too, which then says more.
                if entries[entry.name]?.status == nil { entries[entry.name] = entry }
            }
        }
        all = entries.values.sorted { $0.name < $1.name }
    }

    subscript(name: String) -> Entry? { all.first { $0.name == name } }

    private static func entry(_ line: String) -> Entry? {
        guard let brace = line.firstIndex(of: "{"), line.last == "}", let colon = line[..<brace].firstIndex(of: ":"),
            let meaning = text(behind: "meaning: ", in: line[brace...].dropLast())
        else { return nil }
        let status = text(behind: "status: ", in: line[brace...]).flatMap {
            Int(String(Substring($0.utf8.prefix(while: ASCII.isDigit))))
        }
        return Entry(name: String(line[..<colon].drop { $0 == " " }), status: status, meaning: unquoted(meaning))
    }

    private static func text(behind mark: String, in line: Substring) -> Substring? {
        var rest = line
        while !rest.isEmpty {
            if rest.begins(with: mark) { return rest.dropFirst(mark.count) }
            rest.removeFirst()
        }
        return nil
    }

    /// A scalar of YAML, between single quotes or none.
    private static func unquoted(_ text: Substring) -> String {
        guard text.count > 1, text.first == "'", text.last == "'" else { return String(text) }
        return text.dropFirst().dropLast().split(separator: "''", omittingEmptySubsequences: false)
            .joined(separator: "'")
    }
}
