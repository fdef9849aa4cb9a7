import JSON
import Platform
import Scoring
import Yams

/// A config file in YAML: a mapping of settings to texts, numbers and lists, as YAML 1.2 writes them.
///
/// What a scalar is is not guessed from its look: it is handed on as a text, and the setting's own type decides, so that
/// `no` is a name where one is expected and no yes or no elsewhere than where that is. Nothing in it is run or built, and
/// nothing grows: tags, anchors and aliases are refused before anything is made of them.
struct ConfigYAML {
    /// YAML costs more to read than JSON, and a config file has a few KiB.
    private static let maxBytes = 256 << 10
    private static let expected = "expected settings, such as port: 9000"

    private let text: String

    init(_ bytes: [UInt8]) throws(ConfigFault) {
        guard bytes.count <= Self.maxBytes else {
            throw ConfigFault("has \(bytes.count) bytes; the limit of YAML is \(Self.maxBytes)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw ConfigFault("it is no UTF-8 text") }
        if let line = Self.lineOfAnchor(bytes) {
            throw ConfigFault("line \(line) has an anchor (&), which is not taken: write the value where it is needed")
        }
        self.text = text
    }

    /// The settings and their values, with the lines that they stand on.
    ///
    /// - Parameter isNested: whether a value can be a mapping of texts
    func members(isNested: Bool = false) throws(ConfigFault) -> [ConfigMember] {
        let root: Node?
        // Without rules for what scalars look like: regular expressions would be run over each of them.
        do { root = try Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot() } catch {
            throw Self.lineOfTab(error, in: text).map { line in
                ConfigFault("line \(line) is indented by a tab, which YAML does not take: expected spaces in its place")
            } ?? Self.fault(error)
        }
        guard let root, !Self.isNull(root) else { throw ConfigFault("it is empty: \(Self.expected)") }
        guard case .mapping(let mapping) = root else {
            throw ConfigFault("found \(Self.name(of: root)), \(Self.expected)")
        }
        try Self.checkTag(mapping.tag, of: root)
        return try Self.members(of: mapping, isNested: isNested)
    }

    private static func members(of mapping: Node.Mapping, isNested: Bool) throws(ConfigFault) -> [ConfigMember] {
        var members: [ConfigMember] = []
        for (key, value) in mapping {
            guard case .scalar(let name) = key else {
                throw ConfigFault("line \(line(key)): found \(Self.name(of: key)) as a key, expected a setting's name")
            }
            try checkTag(name.tag, of: key)
            var found = try Self.value(value)
            if isNested, case .mapping(let inner) = value {
                found = .object(
                    try Self.members(of: inner, isNested: false).map { .init(name: $0.name, value: $0.value) })
            }
            members.append(ConfigMember(name: name.string, value: found, line: line(key)))
        }
        return members
    }

    private static func value(_ node: Node) throws(ConfigFault) -> JSONValue {
        try checkTag(node, at: line(node))
        if isNull(node) { return .null }
        switch node {
        case .scalar(let scalar): return .string(scalar.string)
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for element in sequence {
                // What is within is told by its kind alone, and no list has one.
                if case .scalar = element { elements.append(try value(element)) } else { elements.append(.object([])) }
            }
            return .array(elements)
        case .mapping: return .object([])
        case .alias: throw ConfigFault("line \(line(node)) has an alias (*), which is not taken")
        }
    }

    private static func checkTag(_ node: Node, at line: Int) throws(ConfigFault) {
        switch node {
        case .scalar(let scalar): try checkTag(scalar.tag, of: node)
        case .sequence(let sequence): try checkTag(sequence.tag, of: node)
        case .mapping(let mapping): try checkTag(mapping.tag, of: node)
        case .alias: break
        }
    }

    /// Tags that nobody wrote, and those of plain lists, mappings and texts, mean nothing; others ask for something to be
    /// made.
    private static func checkTag(_ tag: Tag, of node: Node) throws(ConfigFault) {
        let harmless = ["", "tag:yaml.org,2002:str", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map"]
        guard !harmless.contains(where: { tag.description.hasBytes(of: $0) }) else { return }
        throw ConfigFault("line \(line(node)) has the tag '\(tag.description.prefix(60))', which is not taken")
    }

    /// What the core schema of YAML 1.2 takes for null, where it is not in quotes.
    private static func isNull(_ node: Node) -> Bool {
        guard case .scalar(let scalar) = node, scalar.style == .plain else { return false }
        return ["", "~", "null", "Null", "NULL"].contains { scalar.string.hasBytes(of: $0) }
    }

    private static func name(of node: Node) -> String {
        switch node {
        case .scalar: "a text"
        case .sequence: "a list"
        case .mapping: "a mapping"
        case .alias: "an alias"
        }
    }

    private static func line(_ node: Node) -> Int { node.mark?.line ?? 1 }

    /// The first line with an anchor; nil for none. Whatever can be one is, be it in a text or a comment: only behind a
    /// letter, a digit or what joins words no token can begin. Without an anchor there is no alias, and what has none can't grow.
    private static func lineOfAnchor(_ bytes: [UInt8]) -> Int? {
        var line = 1
        for (index, byte) in bytes.enumerated() {
            if byte == ASCII.lineFeed { line += 1 }
            guard byte == ASCII.ampersand, index + 1 < bytes.count else { continue }
            guard isOfName(bytes[index + 1]) || bytes[index + 1] == ASCII.dash else { continue }
            if index == 0 || !(isOfName(bytes[index - 1]) || "=/.".utf8.contains(bytes[index - 1])) { return line }
        }
        return nil
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        ASCII.isAlphanumeric(byte) || byte == UInt8(ascii: "_")
    }

    /// The line of an error that has a tab before its first word; nil where that has none.
    private static func lineOfTab(_ error: any Error, in text: String) -> Int? {
        let number: Int
        switch error as? YamlError {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _): number = mark.line
        default: return nil
        }
        let lines = text.utf8.split(separator: ASCII.lineFeed, omittingEmptySubsequences: false)
        guard lines.indices.contains(number - 1) else { return nil }
        return lines[number - 1].prefix(while: ASCII.isBlank).contains(UInt8(ascii: "\t")) ? number : nil
    }

    /// The library's error without the line that it shows, which may hold a secret.
    private static func fault(_ error: any Error) -> ConfigFault {
        switch error as? YamlError {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let place = "line \(mark.line), column \(mark.column)"
            return ConfigFault("not valid YAML at \(place): \(context.map { "\($0.text): " } ?? "")\(problem)")
        case .reader(let problem, _, _, _): return ConfigFault("not valid YAML: \(problem)")
        case .duplicatedKeysInMapping(let names, let context):
            let name = names.first.map { "'\($0.prefix(60))'" } ?? "a key"
            return ConfigFault("\(name) stands there twice, on line \(context.mark.line) for the first time")
        default: return ConfigFault("not valid YAML")
        }
    }
}
