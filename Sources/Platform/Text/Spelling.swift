/// Finds what somebody may have meant.
public enum Spelling {
    /// The name that is nearest to what was written; nil where none is near. Capitals do not count, nor do the signs
    /// between words. Where none is near in letters, it is the first that has what was written as one of its words, as
    /// `api-keys` has `keys`.
    public static func nearest(to written: String, among names: [String]) -> String? {
        guard written.utf8.count <= 64 else { return nil }
        let wanted = letters(written)
        guard !wanted.isEmpty else { return nil }
        let most = max(1, wanted.count / 3)
        // Of those too long or too short none is near, which costs nothing to see.
        let near = names.map { (name: $0, letters: letters($0)) }
            .filter { abs($0.letters.count - wanted.count) <= most }
            .map { (name: $0.name, steps: steps(wanted, $0.letters)) }.min { $0.steps < $1.steps }
        if let near, near.steps <= most { return near.name }
        guard wanted.count >= 3 else { return nil }
        return names.first { name in
            name.utf8.split(whereSeparator: isBetweenWords).contains { letters(String(Substring($0))) == wanted }
        }
    }

    private static func letters(_ text: String) -> [UInt8] {
        text.utf8.map(ASCII.lowercased).filter { !isBetweenWords($0) }
    }

    private static func isBetweenWords(_ byte: UInt8) -> Bool { "-_.".utf8.contains(byte) }

    /// How many letters are to be added, dropped, changed, or exchanged with their neighbour (optimal string alignment).
    private static func steps(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var rows = [Array(0...right.count)]
        for (i, letter) in left.enumerated() {
            var row = [i + 1]
            for (j, other) in right.enumerated() {
                var steps = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (letter == other ? 0 : 1))
                if i > 0, j > 0, letter == right[j - 1], left[i - 1] == other {
                    steps = min(steps, rows[i - 1][j - 1] + 1)
                }
                row.append(steps)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
