import Formats
import Platform
import VadCLIP

/// CLIP's vocabulary, as --vocab names it.
enum VocabularyFile {
    /// Its text, at most 64 MiB of it.
    static func text(_ path: String) throws -> String {
        let file: MappedFile
        do throws(FileError) { file = try MappedFile(path: path) } catch {
            throw Failure(.noInput, "\(error), by --vocab; CLIP's is \(ImportOptions.vocabularySource)")
        }
        let bytes: [UInt8]
        do {
            bytes =
                FileKind.detect(file) == .gzip
                ? try Gzip.inflate(file, limit: 64 << 20) : file.withUnsafeBytes { Array($0.prefix(64 << 20)) }
        } catch {
            throw Failure(.badData, "\(path): \(error.description)")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
