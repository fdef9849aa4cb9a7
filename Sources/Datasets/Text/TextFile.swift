import Formats
import Platform

/// A file of text, plain or in gzip, read whole.
public struct TextFile: Equatable, Sendable {
    /// Where it is, or what it is called in messages.
    public let path: String
    /// Its bytes, unpacked, without a byte order mark.
    public let bytes: [UInt8]

    /// The most bytes that a text may have, unpacked: a list of a million paths has fewer.
    public static let mostBytes = 128 << 20

    /// Reads the file.
    public init(path: String, mostBytes: Int = TextFile.mostBytes) throws(DatasetError) {
        let packed: SmallFile
        do throws(SmallFile.Failure) { packed = try SmallFile(path, maxBytes: mostBytes) } catch {
            throw DatasetError(.noInput, error.description)
        }
        var bytes = packed.bytes
        if bytes.starts(with: [0x1F, 0x8B]) {
            do throws(GzipError) {
                bytes = try packed.bytes.withRawBytes { raw throws(GzipError) in
                    try Gzip.inflate(raw, limit: mostBytes)
                }
            } catch {
                throw DatasetError(.badData, "\(path): \(error.description)")
            }
        }
        try self.init(path: path, bytes: bytes)
    }

    /// Takes bytes that are there already.
    public init(path: String, bytes: [UInt8]) throws(DatasetError) {
        let text = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? Array(bytes.dropFirst(3)) : bytes
        if let zero = text.firstIndex(of: 0) {
            throw DatasetError(.badData, "\(path): byte \(zero) is zero: expected a text")
        }
        guard String(validating: text, as: UTF8.self) != nil else {
            throw DatasetError(.badData, "\(path): it is no UTF-8 text")
        }
        self.path = path
        self.bytes = text
    }

    /// What is wrong with a line, counted from 1.
    func fault(_ line: Int, _ what: String) -> DatasetError {
        DatasetError(.badData, "\(path), line \(line): \(what)")
    }

    /// The lines that are not blank, with their numbers, cut at blanks.
    func words() -> [(line: Int, words: [String])] {
        var found: [(line: Int, words: [String])] = []
        var line = 1
        for piece in bytes.split(separator: ASCII.lineFeed, omittingEmptySubsequences: false) {
            let words = piece.split { ASCII.isBlank($0) || $0 == ASCII.carriageReturn }
                .map { String(decoding: $0, as: UTF8.self) }
            if !words.isEmpty { found.append((line, words)) }
            line += 1
        }
        return found
    }
}
