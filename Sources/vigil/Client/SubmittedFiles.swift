import Platform
import Video

/// A file that is submitted.
struct SubmittedFile: Equatable {
    let path: String
    /// What the files of its results are called: the path below what was named.
    let name: String
}

/// What is named on the command line, as files: folders with all that can be scored in them, and patterns that the shell has
/// left as they are.
enum SubmittedFiles {
    private static let most = 1_000_000
    private static let deepest = 64
    private static let endings = [
        "npy", "npz", "safetensors", "json", "zip", "pt", "pth", "f32", "raw", "bin",
    ]

    /// The files in the order of what names them, within a folder in that of their paths; none twice.
    static func all(of inputs: [String]) throws(Failure) -> [SubmittedFile] {
        var found: [SubmittedFile] = []
        var paths: Set<ByteText> = []
        func add(_ file: SubmittedFile) throws(Failure) {
            guard paths.insert(ByteText(file.path)).inserted else { return }
            guard found.count < most else { throw Failure(.usage, "there are more than \(most) files: expected fewer") }
            found.append(file)
        }
        for input in inputs {
            for path in try expanded(input) {
                if isFolder(path, following: true) {
                    var within: [SubmittedFile] = []
                    let root = path.ends(with: "/") ? String(Substring(path.utf8.dropLast())) : path
                    try walk(root, below: "", depth: 0, into: &within)
                    guard !within.isEmpty else { throw Failure(.noInput, "\(path): there is no file to score in it") }
                    for file in within.sorted(by: { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }) {
                        try add(file)
                    }
                } else {
                    if let fault = InputFile.fault(path) { throw Failure(.noInput, "\(path): \(fault)") }
                    try add(SubmittedFile(path: path, name: base(of: path)))
                }
            }
        }
        return found
    }

    /// What a pattern stands for, where no file is called as it is.
    private static func expanded(_ input: String) throws(Failure) -> [String] {
        var status = stat()
        guard input.utf8.contains(where: { "*?[".utf8.contains($0) }), lstat(input, &status) != 0 else {
            return [input]
        }
        var list = glob_t()
        defer { globfree(&list) }
        guard glob(input, 0, nil, &list) == 0 else { throw Failure(.noInput, "\(input): no file is called like this") }
        var paths: [String] = []
        for index in 0..<Int(list.gl_pathc) {
            guard let path = list.gl_pathv[index] else { continue }
            guard let text = String(validatingCString: path) else {
                throw Failure(.badData, "\(input): the name \(quoted(String(cString: path))) is not UTF-8; rename it")
            }
            paths.append(text)
        }
        return paths
    }

    /// Folders that are links are not gone into, so that none is gone into twice.
    private static func walk(
        _ folder: String, below: String, depth: Int, into found: inout [SubmittedFile]
    ) throws(Failure) {
        guard depth < deepest else { throw Failure(.usage, "\(folder): folders are nested deeper than \(deepest)") }
        var names: [String] = []
        var broken: String?
        let isRead = FolderNames.each(in: folder) { name, isUTF8 in
            guard name.utf8.first != ASCII.dot else { return true }
            if isUTF8 { names.append(name) } else if isTaken(name) { broken = broken ?? name }
            return names.count <= most
        }
        guard isRead else { throw Failure(.noInput, "\(folder): \(errnoText(errno))") }
        // Another file may be called as this one would be.
        if let broken { throw Failure(.badData, "\(folder): the name \(quoted(broken)) in it is not UTF-8; rename it") }
        let known = Set(names.map { ByteText($0) })
        for name in names {
            let path = "\(folder)/\(name)"
            if isFolder(path, following: false) {
                try walk(path, below: "\(below)\(name)/", depth: depth + 1, into: &found)
            } else if isTaken(name), !isRecipe(name, beside: known), InputFile.fault(path) == nil {
                guard found.count < most else { throw Failure(.usage, "\(folder): more than \(most) files are in it") }
                found.append(SubmittedFile(path: path, name: below + name))
            }
        }
    }

    /// Whether a file of a folder is called as one that can be scored.
    static func isTaken(_ name: String) -> Bool {
        let plain = name.asciiLowercase.ends(with: ".gz") ? String(Substring(name.utf8.dropLast(3))) : name
        let lower = plain.asciiLowercase
        // What a run before has made of others.
        guard !ResultForm.isResult(lower) else { return false }
        return endings.contains { lower.ends(with: "." + $0) } || VideoContainer.isNamed(plain)
    }

    /// What vigil extract writes beside features says how they were made.
    private static func isRecipe(_ name: String, beside names: Set<ByteText>) -> Bool {
        guard name.asciiLowercase.ends(with: ".json") else { return false }
        return names.contains(ByteText(String(Substring(name.utf8.dropLast(5))) + ".npy"))
    }

    private static func isFolder(_ path: String, following: Bool) -> Bool {
        var status = stat()
        guard (following ? stat(path, &status) : lstat(path, &status)) == 0 else { return false }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    static func base(of path: String) -> String {
        path.pieces(between: ASCII.slash).last { !$0.isEmpty }.map { String($0) } ?? path
    }
}
