import Formats
import JSON
import Platform

/// The text of a config file: JSON, or what it is instead.
struct ConfigText {
    private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let maxBytes = 1 << 20
    private static let expected = "expected a JSON object of settings, such as {\"port\": 9000}"

    private let bytes: [UInt8]

    /// Takes the bytes of a file, of which those are passed over that editors on Windows begin a text with.
    init(_ file: MappedFile) throws(ConfigFault) {
        guard file.count <= Self.maxBytes else {
            throw ConfigFault("has \(file.count) bytes; the limit is \(Self.maxBytes)")
        }
        bytes = file.withUnsafeBytes { Array($0.starts(with: Self.byteOrderMark) ? $0.dropFirst(3) : $0[...]) }
    }

    /// The settings and their values.
    func members() throws(ConfigFault) -> [JSONValue.Member] {
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.parse(bytes, maxBytes: Self.maxBytes) } catch {
            throw fault(error)
        }
        guard case .object(let members) = value else { throw ConfigFault("found \(value.kind), \(Self.expected)") }
        return members
    }

    private func fault(_ error: JSONError) -> ConfigFault {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let texts = lines.enumerated().lazy.map { ($0, Self.trimmed($1)) }
        guard let (number, first) = texts.first(where: { !$1.isEmpty && $1.first != UInt8(ascii: "#") }) else {
            return ConfigFault("it is empty: \(Self.expected)")
        }
        if let format = Self.format(of: first) {
            return ConfigFault("line \(number + 1) is \(format), which is not taken: \(Self.expected)")
        }
        let line = bytes.prefix(error.position).count { $0 == UInt8(ascii: "\n") } + 1
        return ConfigFault("not valid JSON at line \(line), byte \(error.position): \(error.reason)")
    }

    private static func trimmed(_ line: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let rest = line.drop(while: isBlank)
        return rest.prefix(rest.lastIndex { !isBlank($0) }.map { $0 + 1 - rest.startIndex } ?? 0)
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D }

    /// What a first line that is no JSON's is of: a mark or a key before a colon, a section or a key before an equals sign.
    private static func format(of line: ArraySlice<UInt8>) -> String? {
        if line.starts(with: "---".utf8) { return "YAML" }
        let isSection = line.first == UInt8(ascii: "[") && line.last == UInt8(ascii: "]")
        let word = line.dropFirst(isSection ? 1 : 0).prefix(while: isOfKey)
        guard !word.isEmpty else { return nil }
        let rest = line[word.endIndex...].drop(while: isBlank)
        switch rest.first {
        case UInt8(ascii: ":"): return "YAML"
        case UInt8(ascii: "="): return "TOML or INI"
        case UInt8(ascii: "]") where isSection && rest.count == 1: return "TOML or INI"
        default: return nil
        }
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
