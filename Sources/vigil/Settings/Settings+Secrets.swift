import Platform
import Scoring

/// Secrets, which can be in files of their own.
extension Settings {
    /// A secret: what was given, or what is in the file that is named in its place, without the end of its line; nil where
    /// neither is set. What stands in a place that comes first hides both of another.
    func secret(_ name: String) throws(Failure) -> String? {
        let file = name + Setting.fileSuffix
        guard let path = given[file] else { return try text(name) }
        if let own = given[name] {
            if own.place.rank < path.place.rank { return try text(name) }
            if own.place.rank == path.place.rank {
                throw conflict(of: name, file, sentence: "--\(name) and --\(file) are both set: expected one of them")
            }
        }
        guard let path = try text(file) else { return nil }
        let text: String
        do throws(SmallFile.Failure) {
            text = try SmallFile.text(path, maxBytes: 64 << 10, expected: "a secret alone")
        } catch {
            throw Failure(.configuration, failure(file, "\(error)").description)
        }
        let secret = GivenValue.trimmed(text)
        guard !secret.isEmpty else { throw Failure(.configuration, failure(file, "\(path): it is empty").description) }
        return secret
    }

    /// Whether the file of a secret counts, and not a value beside it.
    func isSecretInFile(_ name: String) -> Bool {
        guard let file = given[name + Setting.fileSuffix] else { return false }
        return given[name].map { $0.place.rank > file.place.rank } ?? true
    }
}
