/// Finds what a misspelt name may have meant.
enum NearestName {
    /// The name that is nearest to `asked`, if one is near: case and the sign between words do not count.
    static func of(_ asked: String, among names: [String]) -> String? {
        let plain = words(asked)
        guard !plain.isEmpty, plain.count <= 60 else { return nil }
        let ranked = names.map { name in (name, distance(plain, words(name))) }
        if let best = ranked.min(by: { $0.1 < $1.1 }), best.1 <= max(1, plain.count / 3) { return best.0 }
        // `keys` for `api-keys`, `cert` for `tls-cert`; `tls` for the first that begins so.
        guard plain.count >= 3 else { return nil }
        return names.first { name in
            name.utf8.split { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }
                .contains { words(String(Substring($0))) == plain }
        }
    }

    private static func words(_ name: String) -> [UInt8] {
        name.asciiSmall.utf8.filter { $0 != UInt8(ascii: "-") && $0 != UInt8(ascii: "_") && $0 != UInt8(ascii: ".") }
    }

    /// How many letters have to be put in, left out, replaced or swapped with their neighbour.
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var last = Array(0...right.count)
        for i in left.indices {
            var row = [i + 1]
            for j in right.indices {
                var best = min(last[j + 1] + 1, row[j] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
                if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
                    best = min(best, before[j - 1] + 1)
                }
                row.append(best)
            }
            (before, last) = (last, row)
        }
        return last[right.count]
    }
}
