import Formats

/// A setting's value, of its own type.
enum SettingValue: Sendable, Equatable {
    /// A text, a path or a choice.
    case text(String)
    case integer(Int)
    case number(Double)
    case boolean(Bool)
    case list([String])
}

/// A value that a setting can't have.
struct SettingFault: Error, Equatable {
    /// What was there instead, for a person.
    let found: String
}

extension Setting {
    /// The value that `text` stands for, on the command line and in the environment.
    func value(of text: String) throws(SettingFault) -> SettingValue {
        let value: SettingValue? =
            switch kind {
            case .text, .path: .text(text)
            case .integer(let range, _): Int(text).flatMap { range.contains($0) ? .integer($0) : nil }
            case .octal(let range): Int(text, radix: 8).flatMap { range.contains($0) ? .integer($0) : nil }
            case .number(let range): Self.number(text).flatMap { range.contains($0) ? .number($0) : nil }
            case .boolean: Self.boolean(text).map { .boolean($0) }
            case .choice(let names): names.contains(text) ? .text(text) : nil
            case .list: .list([text])
            }
        guard !text.isEmpty, let value else { throw SettingFault(found: shown(text)) }
        return value
    }

    /// The value in the file: of JSON's own type, or a text as it would be written elsewhere; nil where that is empty.
    func value(of json: JSONValue) throws(SettingFault) -> SettingValue? {
        switch json {
        case .string(""): return nil
        case .string(let text): return try value(of: text)
        case .bool(let flag):
            guard case .boolean = kind else { throw SettingFault(found: "\(flag)") }
            return .boolean(flag)
        case .number(let text): return try value(ofNumber: text, json)
        case .array(let elements):
            guard case .list = kind else { throw SettingFault(found: "a list") }
            var texts: [String] = []
            for element in elements {
                guard case .string(let text) = element, !text.isEmpty else {
                    throw SettingFault(found: "a list with \(element.kind) in it")
                }
                texts.append(text)
            }
            return texts.isEmpty ? nil : .list(texts)
        case .object: throw SettingFault(found: "an object")
        case .null: throw SettingFault(found: "null")
        }
    }

    /// Writers of JSON may give a whole number as `8080.0` or `1e3`.
    private func value(ofNumber text: String, _ json: JSONValue) throws(SettingFault) -> SettingValue {
        switch kind {
        case .integer, .octal, .boolean:
            guard Int(text) == nil, let number = json.double, let whole = Int(exactly: number) else { break }
            return try value(of: "\(whole)")
        case .number: break
        case .text, .path, .choice, .list:
            throw SettingFault(found: isSecret ? "a number" : "the number \(text.prefix(40))")
        }
        return try value(of: text)
    }

    private func shown(_ text: String) -> String {
        if text.isEmpty { return "an empty text" }
        return isSecret ? "something else" : "'\(text.prefix(60))'"
    }

    /// The spellings of true and false: those of parameters over HTTP.
    private static func boolean(_ text: String) -> Bool? {
        switch text.asciiSmall {
        case "true", "1", "yes", "on": true
        case "false", "0", "no", "off": false
        default: nil
        }
    }

    private static func number(_ text: String) -> Double? {
        let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if parts.count == 2, let over = Int(parts[0].text), let under = Int(parts[1].text), under > 0 {
            return Double(over) / Double(under)
        }
        let isDecimal = text.utf8.allSatisfy { "0123456789.eE+-".utf8.contains($0) }
        return isDecimal ? Double(text).flatMap { $0.isFinite ? $0 : nil } : nil
    }

    /// What is expected, for a person.
    var expected: String {
        switch kind {
        case .text(let what), .list(let what), .path(.output(let what)): what
        case .path(.input): "the path of a file"
        case .integer(let range, let unit):
            "a whole number\(unit == .none ? "" : " of \(unit.rawValue)"), \(range.lowerBound) to \(range.upperBound)"
        case .octal(let range):
            "\(String(range.lowerBound, radix: 8)) to \(String(range.upperBound, radix: 8)), in octal"
        case .number(let range): "a number, \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))"
        case .boolean: "true or false"
        case .choice(let names): names.dropLast().joined(separator: ", ") + " or \(names.last ?? "")"
        }
    }

    private static func plain(_ number: Double) -> String { Int(exactly: number).map { "\($0)" } ?? "\(number)" }
}

extension Substring.UTF8View {
    fileprivate var text: String { String(Substring(self)) }
}

extension JSONValue {
    /// What it is, for a person.
    fileprivate var kind: String {
        switch self {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .number: "a number"
        case .string(let text): text.isEmpty ? "an empty text" : "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
