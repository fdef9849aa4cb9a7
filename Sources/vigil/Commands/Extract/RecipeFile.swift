import JSON
import Platform
import Tensors

/// `NAME.json`, which `vigil extract` writes beside features to tell how they were made.
enum RecipeFile {
    /// More bytes than one ever has.
    private static let mostBytes = 16 << 20

    /// Whether the file at `path` is one.
    static func isOne(_ path: String) -> Bool { (try? MappedFile(path: path)).map { isOne($0) } ?? false }

    /// Whether a file is one.
    static func isOne(_ file: MappedFile) -> Bool { read(file) != nil }

    /// In which arithmetic of fewer bits the features in `path` were made, by the file beside them; nil where none says that
    /// of them.
    ///
    /// - Parameter digest: of the features, which is asked for where it matters
    static func fewerBits(of path: String, digest: () -> String) -> (compute: Compute, recipe: String)? {
        guard let beside = place(beside: path), let recipe = (try? MappedFile(path: beside)).flatMap({ read($0) }),
            let name = recipe["recipe"]?["compute"]?.string,
            let compute = Compute.allCases.first(where: { $0.rawValue.hasBytes(of: name) }), compute != .float32,
            recipe["features_sha256"]?.string?.hasBytes(of: digest()) == true
        else { return nil }
        return (compute, beside)
    }

    /// Where the file of the features in `path` would be; nil where those are no .npy file.
    static func place(beside path: String) -> String? {
        let ending = ".npy"
        return path.ends(with: ending) ? String(path.dropLast(ending.count)) + ".json" : nil
    }

    /// What the file at `path` says; nil where there is none, or none that one could be.
    static func document(_ path: String) -> JSONValue? { (try? MappedFile(path: path)).flatMap { document($0) } }

    private static func document(_ file: MappedFile) -> JSONValue? {
        guard (1...mostBytes).contains(file.count) else { return nil }
        return file.withUnsafeBytes { try? JSONReader.parse($0, maxBytes: mostBytes) }
    }

    private static func read(_ file: MappedFile) -> JSONValue? {
        guard let parsed = document(file), parsed["features_sha256"]?.string != nil,
            parsed["recipe_sha256"]?.string != nil
        else { return nil }
        return parsed
    }
}
