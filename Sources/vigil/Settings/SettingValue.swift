import Engine
import JSON
import Platform
import PostgresStore
import Scoring

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
    /// The value that `text` stands for, on the command line and in the environment, read as parameters over HTTP are.
    func value(of text: String) throws(SettingFault) -> SettingValue {
        let plain = GivenValue.trimmed(text)
        let value: SettingValue? =
            switch kind {
            // A path may have blanks at its ends.
            case .path: .text(text)
            case .text, .canary: .text(plain)
            case .integer(let range, _): GivenValue.whole(plain).flatMap { range.contains($0) ? .integer($0) : nil }
            case .octal(let range):
                GivenValue.whole(plain).flatMap { Int("\($0)", radix: 8) }.flatMap {
                    range.contains($0) ? .integer($0) : nil
                }
            case .number(let range): GivenValue.number(plain).flatMap { range.contains($0) ? .number($0) : nil }
            case .boolean: GivenValue.flag(plain).map { .boolean($0) }
            case .choice(let names): names.first { $0 == plain.asciiLowercase }.map { .text($0) }
            case .list: Self.entries(of: text).map { .list($0) }
            case .models: .list(try ModelArgument.entries(of: text))
            }
        guard !plain.isEmpty, let value else { throw SettingFault(found: shown(text)) }
        if case .path(.output) = kind, !(name == "state" && ConnectionPlace(text) != nil), let url = Self.url(in: text)
        {
            throw SettingFault(found: url)
        }
        return value
    }

    /// What a URL in the place of a path is called, without what it says, which may be a password; nil where it is none.
    static func url(in text: String) -> String? {
        let scheme = text.utf8.prefix { ASCII.isAlphanumeric($0) || "+-.".utf8.contains($0) }
        guard let first = scheme.first, ASCII.isLetter(first), text.utf8[scheme.endIndex...].starts(with: "://".utf8)
        else { return nil }
        let name = String(Substring(scheme.prefix(20))).asciiLowercase
        return "a URL, \(name)://"
    }

    /// The value in the file: of JSON's own type, or a text as it would be written elsewhere; nil where that is empty.
    func value(of json: JSONValue) throws(SettingFault) -> SettingValue? {
        switch json {
        case .string(let text):
            return GivenValue.trimmed(text).isEmpty ? try nothing("an empty text") : try value(of: text)
        case .bool(let flag):
            guard case .boolean = kind else { throw SettingFault(found: "\(flag)") }
            return .boolean(flag)
        case .number(let text): return try value(ofNumber: text)
        case .array(let elements):
            switch kind {
            case .list, .models: break
            default: throw SettingFault(found: "a list")
            }
            var texts: [String] = []
            for element in elements {
                guard case .string(let text) = element, !GivenValue.trimmed(text).isEmpty else {
                    throw SettingFault(found: "a list with \(element.kind) in it")
                }
                texts.append(GivenValue.trimmed(text))
            }
            if case .models = kind { for text in texts { _ = try ModelArgument(text) } }
            return texts.isEmpty ? try nothing("an empty list") : .list(texts)
        case .object: throw SettingFault(found: "an object")
        // Not as if it were left out: a template's missing value is no wish for a server without keys.
        case .null: throw SettingFault(found: "null (leave the key out where it is not to be set)")
        }
    }

    /// What is given as nothing counts as not set, but where it would leave the server open: whoever names a setting that guards it
    /// means to have a guard, whatever a template made of that.
    func nothing(_ found: String) throws(SettingFault) -> SettingValue? {
        guard isGuard else { return nil }
        throw SettingFault(found: "\(found) (leave it out where it is not to be set)")
    }

    /// A number is read as its characters are elsewhere.
    private func value(ofNumber text: String) throws(SettingFault) -> SettingValue {
        switch kind {
        case .octal, .boolean, .integer, .number: return try value(of: text)
        case .text, .path, .choice, .list, .models, .canary:
            throw SettingFault(found: isSecret ? "a number" : "the number \(text.prefix(40))")
        }
    }

    /// What a list in a text holds; nil where that is nothing: a list that names nothing is no list of what is let in.
    private static func entries(of text: String) -> [String]? {
        guard let entries = GivenValue.text(text).entries, entries.contains(where: { !$0.isEmpty }) else { return nil }
        return entries
    }

    private func shown(_ text: String) -> String {
        if GivenValue.trimmed(text).isEmpty { return "an empty text" }
        if isSecret { return "something else" }
        let fault: String? =
            switch kind {
            case .integer, .number: GivenValue.rangeFault(text)
            default: nil
            }
        return "'\(text.prefix(60))'" + (fault.map { ", which \($0)" } ?? "")
    }

    /// What a shell would have put in another text's place, in a path that none has seen; nil where there is nothing such. In
    /// an option a shell leaves no name of a variable, but `~` behind an equals sign.
    func unreplaced(in value: SettingValue, isFromShell: Bool) -> SettingFault? {
        switch (kind, value) {
        case (.path, .text(let path)): return unreplaced(in: path, isFromShell: isFromShell)
        case (.models, .list(let texts)):
            for text in texts {
                let path = (try? ModelArgument(text))?.path ?? text
                if let fault = unreplaced(in: path, isFromShell: isFromShell) { return fault }
            }
            return nil
        case (.canary, .text(let text)):
            return CanaryOptions.Wish(text).flatMap { unreplaced(in: $0.path, isFromShell: isFromShell) }
        default: return nil
        }
    }

    private func unreplaced(in path: String, isFromShell: Bool) -> SettingFault? {
        let steps = path.pieces(between: ASCII.slash)
        let isHome = steps.first.map { $0.utf8.elementsEqual("~".utf8) } ?? false
        guard isHome || !isFromShell && steps.contains(where: Self.isVariable) else { return nil }
        let what = isHome ? "~" : "a variable"
        return SettingFault(
            found: "\(isSecret ? "a path" : "'\(path.prefix(60))'"), where nothing is put in the place of \(what)")
    }

    /// Whether a part of a path is `$NAME`, or has `${` or `$(` in it.
    private static func isVariable(_ step: some StringProtocol) -> Bool {
        let bytes = Array(step.utf8)
        let dollar = UInt8(ascii: "$")
        if bytes.first == dollar, bytes.count > 1, ASCII.isLetter(bytes[1]) || bytes[1] == UInt8(ascii: "_") {
            return true
        }
        return zip(bytes, bytes.dropFirst()).contains { $0 == dollar && "{(".utf8.contains($1) }
    }

    /// What is expected, for a person.
    var expected: String {
        switch kind {
        case .text(let what), .list(let what), .path(.output(let what)), .canary(let what): what
        case .path(.input): "the path of a file"
        case .models: "FILE, or NAME=FILE, where NAME is \(ModelName.expected)"
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

extension JSONValue {
    /// What it is, for a person.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .number: "a number"
        case .string(let text): GivenValue.trimmed(text).isEmpty ? "an empty text" : "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}
