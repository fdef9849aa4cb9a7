public import Platform

/// Who may use the service: names with the SHA-256 of their keys, and what each may do. The keys themselves are nowhere.
public struct APIKeys: Sendable {
    /// The keys in their order.
    public let all: [APIKey]
    private let places: [ByteText: Int]
    /// Where the key of each digest is.
    private let digests: [[UInt8]: Int]

    /// How many keys there are.
    public var count: Int { all.count }

    /// The key of this name; nil for none, and for one that was taken back.
    public subscript(name: String) -> APIKey? {
        guard let place = places[ByteText(name)], all[place].revoked == nil else { return nil }
        return all[place]
    }

    /// Their names.
    public var names: [String] { all.map(\.name) }

    /// Reads a file of keys.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - isEmptyTaken: whether there may be no key at all
    public init(path: String, isEmptyTaken: Bool = false) throws(APIKeyError) {
        let text: String
        do throws(SmallFile.Failure) {
            text = try Self.settled(pause: { usleep(100_000) }) { () throws(SmallFile.Failure) in
                try SmallFile.text(path, expected: "lines of name:sha256hex")
            }
        } catch {
            throw APIKeyError(error.description)
        }
        try self.init(text, path: path, isEmptyTaken: isEmptyTaken)
    }

    /// What a file says. Of a last line without an end something may be missing that the key may not do, since whoever writes
    /// is not done yet: such a file is read until two readings are alike.
    static func settled<Failure>(
        pause: () -> Void, _ read: () throws(Failure) -> String
    ) throws(Failure) -> String {
        var text = try read()
        for _ in 0..<50 where text.utf8.last.map({ $0 != ASCII.lineFeed }) ?? false {
            pause()
            let again = try read()
            if again.utf8.elementsEqual(text.utf8) { break }
            text = again
        }
        return text
    }

    /// Reads lines of `name:sha256hex`, behind which attributes may stand; empty lines, and lines that begin with #, are
    /// passed over.
    ///
    /// - Parameters:
    ///   - text: the file's text
    ///   - path: what the errors call the file.
    ///   - isEmptyTaken: whether there may be no key at all
    public init(_ text: String, path: String, isEmptyTaken: Bool = false) throws(APIKeyError) {
        var entries: [APIKey] = []
        var lines: [ByteText: Int] = [:]
        var digests: [[UInt8]: Int] = [:]
        var faults = APIKeyFaults()
        // As bytes: to Swift the line end of Windows is one character, which is not a line feed.
        let rows = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, row) in rows.enumerated() {
            guard !Self.isBlankOrComment(row) else { continue }
            let place = "\(path):\(index + 1)"
            do throws(APIKeyError) {
                let entry = try Self.entry(Self.trimmed(Substring(row)), at: place)
                if let first = lines[entry.name] {
                    throw APIKeyError("\(place): the name '\(entry.name)' is there already, on line \(first)")
                }
                if let twin = digests[entry.digest.bytes] {
                    throw APIKeyError("\(place): '\(entry.name)' has the same key as '\(entries[twin].name)'")
                }
                lines[entry.name] = index + 1
                digests[entry.digest.bytes] = entries.count
                entries.append(entry)
            } catch { faults.add(error) }
        }
        if let error = faults.error { throw error }
        guard isEmptyTaken || !entries.isEmpty else {
            throw APIKeyError("\(path): there is no key in it: expected lines of name:sha256hex")
        }
        all = entries
        self.digests = digests
        places = Dictionary(entries.enumerated().map { (ByteText($1.name), $0) }) { first, _ in first }
    }

    /// The name of the key that this is; nil for none.
    public func name(of key: some Collection<UInt8>) -> String? { self.key(of: key)?.name }

    /// The key that this is, whatever has become of it; nil for none.
    ///
    /// It is looked up by its digest, so that a wrong one costs the same however many keys there are. What the time of that
    /// might tell is of the digest, from which nobody comes to a key that was drawn at random; the one found is compared in
    /// a time that tells nothing.
    public func key(of secret: some Collection<UInt8>) -> APIKey? {
        let digest = KeyDigest(of: secret)
        guard let place = digests[digest.bytes], all[place].digest.matches(digest) else { return nil }
        return all[place]
    }

    private static func isBlankOrComment(_ row: Substring.UTF8View) -> Bool {
        let line = trimmed(Substring(row))
        return line.isEmpty || line.begins(with: "#")
    }

    private static func entry(_ line: Substring, at place: String) throws(APIKeyError) -> APIKey {
        // The line is not shown: who mistakes the format may have put a key there.
        guard let colon = line.utf8.firstIndex(of: ASCII.colon) else {
            throw APIKeyError("\(place): expected name:sha256hex, found no colon")
        }
        let name = trimmed(line[..<colon])
        guard isName(name) else {
            throw APIKeyError("\(place): a name has 1 to 64 letters, digits, dots, hyphens and underscores")
        }
        let words = line[line.utf8.index(after: colon)...].utf8.split(whereSeparator: ASCII.isBlank)
            .map { Substring($0) }
        guard let digest = words.first.flatMap({ KeyDigest(hexadecimal: $0) }) else {
            throw APIKeyError("\(place): expected 64 hexadecimal digits after '\(name):', the SHA-256 of the key")
        }
        do throws(APIKeyFault) { return try APIKey(String(name), digest, Array(words.dropFirst())) } catch {
            throw APIKeyError("\(place): '\(name)': \(error.reason)")
        }
    }

    /// Whether keys and owners may be called so.
    static func isName(_ name: some StringProtocol) -> Bool {
        (1...64).contains(name.utf8.count) && name.utf8.allSatisfy(isNameByte)
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
    static func trimmed(_ text: Substring) -> Substring {
        text.trimmed { ASCII.isBlank($0) || $0 == ASCII.carriageReturn }
    }
}

/// The file of API keys, which is read again while the server runs.
public typealias APIKeyFile = ReloadedFile<APIKeys, APIKeyError>

extension ReloadedFile where Value == APIKeys, Failure == APIKeyError {
    /// Reads the file; throws where it can't be used, and where it has no key, with which nobody would mean to begin. One whose
    /// last key is taken away later lets nobody in.
    public convenience init(path: String) throws(APIKeyError) {
        try self.init(from: APIKeys(path: path)) { () throws(APIKeyError) in
            try APIKeys(path: path, isEmptyTaken: true)
        }
    }
}

/// Why a file of keys can't be used: one sentence, with file and line.
public struct APIKeyError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The sentence.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// The lines of a file that can't be used: the first of them, and how many more there are.
private struct APIKeyFaults {
    private static let mostTold = 10

    private var told: [String] = []
    private var more = 0

    mutating func add(_ error: APIKeyError) {
        if told.count < Self.mostTold { told.append(error.description) } else { more += 1 }
    }

    /// All of it in one line; nil where nothing is wrong.
    var error: APIKeyError? {
        guard !told.isEmpty else { return nil }
        return APIKeyError((told + (more > 0 ? ["and \(more) more"] : [])).joined(separator: "; "))
    }
}

/// The SHA-256 of an API key.
///
/// Deliberately not Equatable: `==` may stop at the first byte that differs, and the time that takes tells a client how
/// close it came. `matches` is the one way to compare.
struct KeyDigest: Sendable {
    fileprivate let bytes: [UInt8]

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
