import Platform

/// What a file of an upload is called.
struct MatrixName {
    /// In messages; nil for a body that is the file itself.
    var file: String?
    /// If it gives the upload's only matrix.
    var alone: String?
    /// Among others.
    var amongOthers: String

    /// A body that is the file itself.
    static let body = MatrixName(file: nil, alone: nil, amongOthers: "features")

    /// A file of a form: after its name, else after the field's name and a number.
    ///
    /// - Parameter number: which of the form's files it is, from 1
    init(field: String, filename: String?, number: Int) {
        let numbered = "\(field)-\(number)"
        // By bytes: to Swift a slash with a mark above it is another character.
        let separators = [UInt8(ascii: "/"), UInt8(ascii: "\\")]
        guard let filename, let part = filename.utf8.split(whereSeparator: separators.contains).last else {
            self.init(file: number == 1 ? field : numbered, alone: nil, amongOthers: numbered)
            return
        }
        let last = String(Substring(part))
        self.init(file: filename, alone: last, amongOthers: Self.withoutEnding(last))
    }

    private init(file: String?, alone: String?, amongOthers: String) {
        self.file = file
        self.alone = alone
        self.amongOthers = amongOthers
    }

    /// A matrix that this file holds under the name `path`, with an ending where it is a file itself.
    func holding(_ path: String, amongOthers name: String) -> MatrixName {
        MatrixName(file: file.map { "\($0)/\(path)" } ?? path, alone: name, amongOthers: name)
    }

    /// The only matrix that this file holds: the file's name stands for it, else its own, if that says more than what it is.
    func holding(onlyOne matrix: String) -> MatrixName {
        var name = self
        if matrix != "features" { name.alone = alone ?? matrix }
        return name
    }

    /// The path without the ending of its last part. An ending begins with a letter, so that `v1.2` has none.
    static func withoutEnding(_ path: String) -> String {
        guard let dot = path.utf8.lastIndex(of: ASCII.dot), dot > path.startIndex,
            path.utf8[path.utf8.index(before: dot)] != ASCII.slash
        else { return path }
        let ending = path[path.utf8.index(after: dot)...]
        guard (1...11).contains(ending.utf8.count), let first = ending.utf8.first, Self.isEndingLetter(first),
            ending.utf8.allSatisfy({ Self.isEndingLetter($0) || (0x30...0x39).contains($0) })
        else { return path }
        return String(path[..<dot])
    }

    private static func isEndingLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}
