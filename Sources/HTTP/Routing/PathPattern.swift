import Platform

/// A path with names in braces for some of its segments.
struct PathPattern: Sendable, Equatable {
    private enum Segment: Equatable {
        case text(String)
        case name(String)
    }

    private let segments: [Segment]

    /// Whether there are no names in it, so that only one path fits.
    var isFixed: Bool {
        segments.allSatisfy {
            if case .text = $0 { true } else { false }
        }
    }

    /// Reads a pattern of the program's own; traps where it does not begin with a slash or has a brace out of place.
    init(_ pattern: String) {
        precondition(pattern.begins(with: "/"), "the route \(pattern) does not begin with a slash")
        segments = pattern.pieces(between: ASCII.slash).dropFirst().map { segment in
            if segment.begins(with: "{"), segment.ends(with: "}"), segment.count > 2 {
                return .name(String(segment.dropFirst().dropLast()))
            }
            precondition(!segment.contains("{") && !segment.contains("}"), "a brace is out of place in \(pattern)")
            return .text(String(segment))
        }
    }

    /// The values of the names, nil where the path does not fit. An empty segment fits no name.
    func match(_ path: String) -> PathParameters? {
        // By bytes: to Swift a slash with a mark above it is another character.
        let parts = path.utf8.split(separator: ASCII.slash, omittingEmptySubsequences: false).dropFirst()
        guard parts.count == segments.count else { return nil }
        var pairs: [(name: String, value: String)] = []
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .text(let text):
                guard text.utf8.elementsEqual(part) else { return nil }
            case .name(let name):
                guard !part.isEmpty else { return nil }
                pairs.append((name, String(Substring(part))))
            }
        }
        return PathParameters(pairs)
    }
}
