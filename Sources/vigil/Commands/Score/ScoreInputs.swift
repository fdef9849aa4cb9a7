import Frames
import Platform
import Scoring
import Video

/// The files that a command line names: files, folders of them, and patterns.
struct ScoreInputs {
    /// A file, or why what was named is none.
    struct Input {
        let path: String
        var failure: Failure?
    }

    /// More files than are taken at once.
    private static let most = 100_000
    /// Folders within one another at most.
    private static let deepest = 64

    /// All of them, in the order they were named; those of a folder or a pattern in the order of their names.
    private(set) var all: [Input] = []
    private let written: FileIdentity?

    var paths: [String] { all.filter { $0.failure == nil }.map(\.path) }

    /// - Parameter output: where results go; where that is a folder, what is in it was written before, and is none of the files
    init(_ named: [String], output: String? = nil) throws(Failure) {
        written = output.flatMap { FileIdentity($0) }
        for name in named {
            do throws(Failure) { try add(name) } catch {
                guard error.code != .usage else { throw error }
                all.append(Input(path: name, failure: error))
            }
        }
    }

    private mutating func add(_ name: String) throws(Failure) {
        if name == FeatureReader.standardInput { return try take(name) }
        if Self.isFolder(name) { return try addFolder(name) }
        guard access(name, F_OK) != 0, Self.isPattern(name) else { return try take(name) }
        let found = try Self.matches(name)
        guard !found.isEmpty else { throw Failure(.noInput, "\(name): no file is called so") }
        for path in found {
            if Self.isFolder(path) { try addFolder(path) } else { try take(path) }
        }
    }

    private mutating func take(_ path: String) throws(Failure) {
        guard all.count < Self.most else {
            throw Failure(.usage, "more than \(Self.most) files are named: expected that many at most")
        }
        all.append(Input(path: path))
    }

    private mutating func addFolder(_ folder: String) throws(Failure) {
        let before = all.count
        try walk(folder, depth: 0)
        guard all.count == before else { return }
        // The reader says what to do with a folder of frames.
        if Self.holdsFrames(folder) { return try take(folder) }
        all.append(
            Input(
                path: folder,
                failure: Failure(.noInput, "\(folder): there is no file to score in it, nor in a folder in it")))
    }

    private static func holdsFrames(_ folder: String) -> Bool {
        var isFound = false
        FolderNames.each(in: folder) { name, _ in
            isFound = FolderFrames.isMap(name)
            return !isFound
        }
        return isFound
    }

    private mutating func walk(_ folder: String, depth: Int) throws(Failure) {
        guard depth < Self.deepest else {
            throw Failure(.badData, "\(folder): folders are more than \(Self.deepest) deep in one another")
        }
        var names: [String] = []
        var broken: String?
        let isRead = FolderNames.each(in: folder) { name, isUTF8 in
            guard name.utf8.first != ASCII.dot else { return true }
            // Another file may be called as this one would be.
            if !isUTF8, Self.isNamed(name) { broken = broken ?? name }
            if isUTF8 { names.append(name) }
            return names.count <= Self.most
        }
        guard isRead else { throw Failure(.noInput, "\(folder) cannot be opened: \(errnoText(errno))") }
        if let broken {
            throw Failure(.badData, "\(folder): the name of a file in it is not UTF-8: \(quoted(broken)); rename it")
        }
        let known = Set(names.map { ByteText($0) })
        let prefix = folder.ends(with: "/") ? folder : folder + "/"
        for name in names.sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) {
            if Self.isFolder(prefix + name) {
                // A link may lead back up.
                if !Self.isLink(prefix + name), written == nil || written != FileIdentity(prefix + name) {
                    try walk(prefix + name, depth: depth + 1)
                }
            } else if Self.isNamed(name), !Self.isRecipe(name, among: known) {
                try take(prefix + name)
            }
        }
    }

    /// Whether a file's name is that of features or of a video.
    private static func isNamed(_ name: String) -> Bool { UploadFile.isNamed(name) || VideoContainer.isNamed(name) }

    /// Whether it is what `vigil extract` writes beside features.
    private static func isRecipe(_ name: String, among names: Set<ByteText>) -> Bool {
        name.ends(with: ".json") && names.contains(ByteText(String(name.dropLast(5)) + ".npy"))
    }

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private static func isLink(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
    }

    private static func isPattern(_ name: String) -> Bool {
        name.utf8.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "[") }
    }

    /// What a pattern of a shell's stands for.
    private static func matches(_ pattern: String) throws(Failure) -> [String] {
        var found = glob_t()
        defer { globfree(&found) }
        let code = glob(pattern, 0, nil, &found)
        guard code == 0 else {
            guard code == GLOB_NOMATCH else { throw Failure(.noInput, "\(pattern): the folders in it can't be read") }
            return []
        }
        guard found.gl_pathc <= most else {
            throw Failure(.usage, "\(pattern): \(found.gl_pathc) files are called so: expected \(most) at most")
        }
        var paths: [String] = []
        for index in 0..<Int(found.gl_pathc) {
            guard let path = found.gl_pathv[index] else { continue }
            guard let text = String(validatingCString: path) else {
                throw Failure(
                    .badData, "\(pattern): the name of a file is not UTF-8: \(quoted(String(cString: path))); rename it"
                )
            }
            paths.append(text)
        }
        return paths.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
