import JSON
import Platform

/// `NAME.json`, which `vigil extract` writes beside features to tell how they were made.
enum RecipeFile {
    /// More bytes than one ever has.
    private static let mostBytes = 16 << 20

    /// Whether the file at `path` is one.
    static func isOne(_ path: String) -> Bool { (try? MappedFile(path: path)).map { isOne($0) } ?? false }

    /// Whether a file is one.
    static func isOne(_ file: MappedFile) -> Bool {
        guard (1...mostBytes).contains(file.count) else { return false }
        let parsed = file.withUnsafeBytes { try? JSONReader.parse($0, maxBytes: mostBytes) }
        return parsed?["features_sha256"]?.string != nil && parsed?["recipe_sha256"]?.string != nil
    }
}
