public import Jobs
import Platform
import Scoring

/// The text of a file of keys, changed line by line: what else is in it, comments and their order, stays byte for byte.
public struct APIKeyText: Sendable {
    /// The text as it is now.
    public private(set) var bytes: [UInt8]
    /// What it says.
    public private(set) var keys: APIKeys
    private let path: String

    /// A text that can be used, which may have no key.
    ///
    /// - Parameters:
    ///   - bytes: the text
    ///   - path: what the errors call the file.
    public init(_ bytes: [UInt8], path: String) throws(APIKeyError) {
        self.bytes = bytes
        self.path = path
        keys = try Self.read(bytes, path)
    }

    /// Adds a key as the last line.
    ///
    /// - Parameters:
    ///   - name: whose key it is
    ///   - secret: what the client sends, of which the digest is kept
    ///   - attributes: what stands behind its digest, by name
    public mutating func add(
        _ name: String, secret: String, attributes: [(name: String, value: String)]
    ) throws(APIKeyError) {
        guard APIKeys.isName(name) else {
            throw APIKeyError("'\(name.prefix(80))': a name has 1 to 64 letters, digits, dots, hyphens and underscores")
        }
        if let known = keys.all.first(where: { $0.name == name }) {
            throw APIKeyError(
                known.revoked == nil
                    ? "\(path): there is a key '\(name)' already: vigil keys rotate gives it another secret"
                    : "\(path): the key '\(name)' was revoked, and who has its name would have its jobs: take another, or "
                        + "vigil keys revoke --forget first")
        }
        let line = ([name + ":" + Self.digest(of: secret)] + attributes.map { "\($0.name)=\($0.value)" })
            .joined(separator: " ")
        var new = bytes
        if let last = new.last, last != ASCII.lineFeed { new.append(ASCII.lineFeed) }
        try become(new + Array(line.utf8) + [ASCII.lineFeed])
    }

    /// What is wrong with a new key by itself, whatever the file says, in the words of the command's options; nil where nothing
    /// is.
    public static func fault(
        of name: String, attributes: [(name: String, value: String)], at now: WallTime
    ) -> String? {
        guard APIKeys.isName(name) else {
            return "'\(name.prefix(80))': a name has 1 to 64 letters, digits, dots, hyphens and underscores"
        }
        var values = APIKeyAttributes()
        let texts = attributes.map { Substring("\($0.name)=\($0.value)") }
        for text in texts {
            do throws(APIKeyFault) { try values.read(text) } catch { return "--" + error.reason }
        }
        if let expires = values.expires, expires <= now {
            return "--expires: \(expires) is in the past: the key would never be good"
        }
        do throws(APIKeyFault) { _ = try APIKey(name, KeyDigest(of: []), texts) } catch { return error.reason }
        return nil
    }

    /// Whose jobs a key is to have where no key is called so, nor has them.
    public func unknownOwner(of name: String) -> String? {
        guard let owner = keys[name]?.owner, owner != APIKeyAttributes.all, owner != name else { return nil }
        let others = keys.all.filter { $0.name != name }
        return others.contains { $0.name == owner || $0.owner == owner } ? nil : owner
    }

    /// Gives a key another secret; all else of it stays.
    public mutating func rotate(_ name: String, secret: String) throws(APIKeyError) {
        guard try key(name).revoked == nil else {
            throw APIKeyError("\(path): the key '\(name)' was revoked, which no other secret undoes")
        }
        try change(name) { line in
            guard let colon = line.firstIndex(of: ASCII.colon) else { return line }
            var start = line.index(after: colon)
            while start < line.endIndex, ASCII.isBlank(line[start]) { start += 1 }
            return line[..<start] + Self.digest(of: secret).utf8 + line[(start + 64)...]
        }
    }

    /// Takes a key back. Its line stays, so that nobody gets its name, and with that its jobs, by accident.
    public mutating func revoke(_ name: String, at time: WallTime) throws(APIKeyError) {
        guard try key(name).revoked == nil else { throw APIKeyError("\(path): the key '\(name)' was revoked before") }
        let seconds = WallTime(milliseconds: time.milliseconds / 1_000 * 1_000)
        try change(name) { line in
            let end =
                line.lastIndex { !ASCII.isBlank($0) && $0 != ASCII.carriageReturn }.map { $0 + 1 } ?? line.endIndex
            return line[..<end] + " revoked=\(seconds)".utf8 + line[end...]
        }
    }

    /// Removes a key's line.
    public mutating func forget(_ name: String) throws(APIKeyError) {
        _ = try key(name)
        try change(name) { _ in nil }
    }

    private func key(_ name: String) throws(APIKeyError) -> APIKey {
        guard let key = keys.all.first(where: { $0.name == name }) else {
            let near = Spelling.nearest(to: name, among: keys.all.map(\.name)).map { ": did you mean '\($0)'?" } ?? ""
            throw APIKeyError("\(path): there is no key '\(name.prefix(80))'\(near)")
        }
        return key
    }

    /// Changes the line of a key, without its line end; nil removes it.
    private mutating func change(_ name: String, _ body: (ArraySlice<UInt8>) -> ArraySlice<UInt8>?) throws(APIKeyError)
    {
        var new: [UInt8] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: ASCII.lineFeed) ?? rest.endIndex
            let (row, tail) = (rest[..<end], rest[end...].prefix(1))
            rest = rest[(end + tail.count)...]
            if Self.name(of: row) == name {
                if let changed = body(row) { new += changed + tail }
            } else {
                new += row + tail
            }
        }
        try become(new)
    }

    private mutating func become(_ new: [UInt8]) throws(APIKeyError) {
        keys = try Self.read(new, path)
        bytes = new
    }

    /// Whose line it is; nil for comments and blanks.
    private static func name(of row: ArraySlice<UInt8>) -> String? {
        let line = APIKeys.trimmed(Substring(String(decoding: row, as: UTF8.self)))
        guard !line.begins(with: "#"), let colon = line.utf8.firstIndex(of: ASCII.colon) else { return nil }
        return String(APIKeys.trimmed(line[..<colon]))
    }

    private static func read(_ bytes: [UInt8], _ path: String) throws(APIKeyError) -> APIKeys {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw APIKeyError("\(path): it is no text: expected lines of name:sha256hex")
        }
        return try APIKeys(text, path: path, isEmptyTaken: true)
    }

    private static func digest(of secret: String) -> String {
        Array(secret.utf8).withUnsafeBytes { SHA256.hexDigest(of: $0) }
    }
}
