import Formats
import JSON
import Platform

/// A setting of a config file.
struct ConfigMember {
    let name: String
    let value: JSONValue
    /// Where it stands; nil where that is not known.
    var line: Int?

    /// The file, and the line of it where that is known.
    func place(in path: String) -> String { line.map { "\(path):\($0)" } ?? path }
}

/// The text of a config file: JSON, YAML, or what it is instead.
///
/// A file called `.json` is JSON, and one called `.yaml` or `.yml` YAML; any other is JSON where it begins with a brace.
struct ConfigText {
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let maxBytes = 1 << 20
    private static let expected = "expected a JSON object of settings, such as {\"port\": 9000}"

    private let bytes: [UInt8]
    private let path: String

    /// Takes the bytes of a file, of which those are passed over that editors on Windows begin a text with.
    init(_ file: MappedFile) throws(ConfigFault) {
        guard file.count <= Self.maxBytes else {
            throw ConfigFault("has \(file.count) bytes; the limit is \(Self.maxBytes)")
        }
        path = file.path
        bytes = file.withUnsafeBytes { Array($0.starts(with: Self.byteOrderMark) ? $0.dropFirst(3) : $0[...]) }
    }

    /// Takes the bytes of a file that was read.
    init(_ file: SmallFile) {
        path = file.path
        bytes = file.bytes.starts(with: Self.byteOrderMark) ? Array(file.bytes.dropFirst(3)) : file.bytes
    }

    /// The settings and their values.
    ///
    /// - Parameter isNested: whether a value can be a mapping of texts
    func members(isNested: Bool = false) throws(ConfigFault) -> [ConfigMember] {
        guard !isJSON else { return try jsonMembers() }
        if let line = firstLine, Self.isOfOtherFormat(line.text) {
            throw ConfigFault(
                "line \(line.number) is TOML or INI, which is not taken: expected YAML, such as port: 9000, or JSON")
        }
        return try ConfigYAML(bytes).members(isNested: isNested)
    }

    private var isJSON: Bool {
        let name = path.asciiLowercase.utf8
        func ends(_ suffix: String) -> Bool { name.suffix(suffix.utf8.count).elementsEqual(suffix.utf8) }
        if ends(".json") { return true }
        if ends(".yaml") || ends(".yml") { return false }
        return bytes.first { !Self.isBlank($0) && $0 != ASCII.lineFeed } == UInt8(ascii: "{")
    }

    private func jsonMembers() throws(ConfigFault) -> [ConfigMember] {
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.parse(bytes, maxBytes: Self.maxBytes) } catch {
            throw fault(error)
        }
        guard case .object(let members) = value else { throw ConfigFault("found \(value.kind), \(Self.expected)") }
        return members.map { ConfigMember(name: $0.name, value: $0.value) }
    }

    private func fault(_ error: JSONError) -> ConfigFault {
        guard let line = firstLine else { return ConfigFault("it is empty: \(Self.expected)") }
        if let format = Self.isOfOtherFormat(line.text) ? "TOML or INI" : Self.isYAML(line.text) ? "YAML" : nil {
            return ConfigFault("line \(line.number) is \(format), which a file called .json can't be: \(Self.expected)")
        }
        let number = bytes.prefix(error.position).count { $0 == UInt8(ascii: "\n") } + 1
        return ConfigFault("not valid JSON at line \(number), byte \(error.position): \(error.reason)")
    }

    /// The first line that says something, without blanks around it.
    private var firstLine: (number: Int, text: ArraySlice<UInt8>)? {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let texts = lines.enumerated().lazy.map { (number: $0 + 1, text: Self.trimmed($1)) }
        return texts.first { !$0.text.isEmpty && $0.text.first != UInt8(ascii: "#") }
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let rest = line.drop(while: isBlank)
        return rest.prefix(rest.lastIndex { !isBlank($0) }.map { $0 + 1 - rest.startIndex } ?? 0)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    /// Whether a first line is a section, or a key before an equals sign.
    private static func isOfOtherFormat(_ line: ArraySlice<UInt8>) -> Bool {
        let isSection = line.first == UInt8(ascii: "[") && line.last == UInt8(ascii: "]")
        let word = line.dropFirst(isSection ? 1 : 0).prefix(while: isOfKey)
        guard !word.isEmpty else { return false }
        let rest = line[word.endIndex...].drop(while: isBlank)
        return rest.first == UInt8(ascii: "=") || isSection && rest.first == UInt8(ascii: "]") && rest.count == 1
    }

    /// Whether a first line is a mark, or a key before a colon.
    private static func isYAML(_ line: ArraySlice<UInt8>) -> Bool {
        let word = line.prefix(while: isOfKey)
        let rest = line[word.endIndex...].drop(while: isBlank)
        return line.starts(with: "---".utf8) || !word.isEmpty && rest.first == UInt8(ascii: ":")
    }

    private static func isOfKey(_ byte: UInt8) -> Bool {
        let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
        return letters.contains(byte | 0x20) || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
    }
}

/// What is wrong with a config file, to follow its path.
struct ConfigFault: Error {
    let description: String

    init(_ description: String) { self.description = description }
}
