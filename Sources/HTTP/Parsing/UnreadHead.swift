import Platform

/// The bytes of a head that is refused before it is read, or can't be.
struct UnreadHead {
    let bytes: [UInt8]

    /// What its Origin says, where its line has come whole: a page of another site is to read why its request is refused, whatever
    /// stands beside. Nil where there is none or more than one.
    var origin: String? {
        var found: String?
        // The first line is the request's.
        for line in bytes.split(separator: ASCII.lineFeed, omittingEmptySubsequences: false).dropFirst().dropLast() {
            let line = line.last == ASCII.carriageReturn ? line.dropLast() : line
            if line.isEmpty { break }
            guard let colon = line.firstIndex(of: ASCII.colon), ASCII.equal(line[..<colon], lowercase: "origin") else {
                continue
            }
            let value = FieldText.trimmed(line[(colon + 1)...])
            guard found == nil, value.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
            found = String(decoding: value, as: UTF8.self)
        }
        return found
    }
}
