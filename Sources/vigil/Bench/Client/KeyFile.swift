import Formats
import Platform
import Scoring

/// A file that holds an API key for requests.
struct KeyFile {
    private static let maxBytes = 4_096

    let path: String
    /// The field that shows the key to a server.
    let field: (name: String, value: String)

    /// Reads the key, the only line of the file.
    init(_ path: String) throws {
        if let reason = InputFile.fault(path) { throw Failure(.noInput, "--key-file \(path): \(reason)") }
        let file = try MappedFile(path: path)
        let text = file.withUnsafeBytes { String(validating: $0.prefix(Self.maxBytes + 1), as: UTF8.self) }
        let key = text.map { GivenValue.trimmed($0) } ?? ""
        guard file.count > 0, text == nil || !key.isEmpty else {
            throw Failure(.configuration, "--key-file \(path): it is empty; expected one line, the API key")
        }
        guard !key.isEmpty, key.utf8.count <= Self.maxBytes, key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Failure(.configuration, "--key-file \(path): expected one line, the API key, with no blanks in it")
        }
        self.path = path
        field = ("Authorization", "Bearer \(key)")
    }
}
