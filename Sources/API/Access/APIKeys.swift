public import Platform

/// Who may use the service: names with the SHA-256 of their keys. The keys themselves are nowhere.
public struct APIKeys: Sendable {
    private struct Entry: Sendable {
        let name: String
        let digest: KeyDigest
    }

    private let entries: [Entry]

    /// How many keys there are.
    public var count: Int { entries.count }

    /// Their names.
    public var names: [String] { entries.map(\.name) }

    /// Reads a file of keys.
    public init(path: String) throws(APIKeyError) {
        let text: String
        do throws(SmallFile.Failure) {
            text = try SmallFile.text(path, expected: "lines of name:sha256hex")
        } catch {
            throw APIKeyError(error.description)
        }
        try self.init(text, path: path)
    }

    /// Reads lines of `name:sha256hex`; empty lines, and lines that begin with #, are passed over.
    ///
    /// - Parameter path: what the errors call the file.
    public init(_ text: String, path: String) throws(APIKeyError) {
        var entries: [Entry] = []
        var lines: [ByteText: Int] = [:]
        // As bytes: to Swift the line end of Windows is one character, which is not a line feed.
        let rows = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, row) in rows.enumerated() {
            let line = Self.trimmed(Substring(row))
            guard !line.isEmpty, !line.begins(with: "#") else { continue }
            let entry = try Self.entry(line, at: "\(path):\(index + 1)")
            if let first = lines[entry.name] {
                throw APIKeyError("\(path):\(index + 1): the name '\(entry.name)' is there already, on line \(first)")
            }
            if let twin = entries.first(where: { $0.digest.matches(entry.digest) }) {
                throw APIKeyError("\(path):\(index + 1): '\(entry.name)' has the same key as '\(twin.name)'")
            }
            lines[entry.name] = index + 1
            entries.append(entry)
        }
        guard !entries.isEmpty else {
            throw APIKeyError("\(path): there is no key in it: expected lines of name:sha256hex")
        }
        self.entries = entries
    }

    /// The name of the key that this is; nil for none. All keys are compared with, so that the time tells nothing.
    public func name(of key: some Collection<UInt8>) -> String? {
        let digest = KeyDigest(of: key)
        var name: String?
        for entry in entries where entry.digest.matches(digest) { name = entry.name }
        return name
    }

    private static func entry(_ line: Substring, at place: String) throws(APIKeyError) -> Entry {
        // The line is not shown: who mistakes the format may have put a key there.
        guard let colon = line.utf8.lastIndex(of: ASCII.colon) else {
            throw APIKeyError("\(place): expected name:sha256hex, found no colon")
        }
        let name = trimmed(line[..<colon])
        guard !name.isEmpty, name.utf8.count <= 64, name.utf8.allSatisfy(isNameByte) else {
            throw APIKeyError("\(place): a name has 1 to 64 letters, digits, dots, hyphens and underscores")
        }
        guard let digest = KeyDigest(hexadecimal: trimmed(line[line.utf8.index(after: colon)...])) else {
            throw APIKeyError("\(place): expected 64 hexadecimal digits after '\(name):', the SHA-256 of the key")
        }
        return Entry(name: String(name), digest: digest)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// Without blanks, tabs and carriage returns at both ends.
    private static func trimmed(_ text: Substring) -> Substring {
        text.trimmed { ASCII.isBlank($0) || $0 == ASCII.carriageReturn }
    }
}

/// The file of API keys, which is read again while the server runs.
public typealias APIKeyFile = ReloadedFile<APIKeys, APIKeyError>

extension ReloadedFile where Value == APIKeys, Failure == APIKeyError {
    /// Reads the file; throws where it can't be used.
    public convenience init(path: String) throws(APIKeyError) {
        try self.init { () throws(APIKeyError) in try APIKeys(path: path) }
    }
}

/// Why a file of keys can't be used: one sentence, with file and line.
public struct APIKeyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The SHA-256 of an API key.
///
/// Deliberately not Equatable: `==` may stop at the first byte that differs, and the time that takes tells a client how
/// close it came. `matches` is the one way to compare.
struct KeyDigest: Sendable {
    private let bytes: [UInt8]

    /// The digest of a key.
    init(of key: some Collection<UInt8>) {
        var digest = SHA256()
        Array(key).withUnsafeBytes { digest.update($0) }
        bytes = digest.finalize()
    }

    /// The digest that 64 hexadecimal digits spell; nil where they do not.
    init?(hexadecimal text: Substring) {
        let digits = text.utf8.compactMap { Character(UnicodeScalar($0)).hexDigitValue }
        guard text.utf8.count == 64, digits.count == 64 else { return nil }
        bytes = stride(from: 0, to: 64, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    /// Whether both are of the same key, in a time that does not depend on what they are.
    func matches(_ other: KeyDigest) -> Bool { SHA256.areEqual(bytes, other.bytes) }
}
