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
        guard let filename, let last = filename.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last else {
            self.init(file: number == 1 ? field : numbered, alone: nil, amongOthers: numbered)
            return
        }
        self.init(file: filename, alone: String(last), amongOthers: Self.withoutEnding(String(last)))
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

    /// The path without the ending of its last part. An ending begins with a letter, so that `v1.2` has none.
    static func withoutEnding(_ path: String) -> String {
        guard let dot = path.lastIndex(of: "."), dot > path.startIndex, path[path.index(before: dot)] != "/" else {
            return path
        }
        let ending = path[path.index(after: dot)...]
        guard (1...11).contains(ending.utf8.count), ending.first?.isLetter == true,
            ending.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else { return path }
        return String(path[..<dot])
    }
}
