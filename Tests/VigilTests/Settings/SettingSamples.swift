import Foundation

@testable import vigil

/// Values that a setting can have, and such that it can't, made from its type.
struct SettingSamples {
    struct Good {
        let text: String
        /// Of JSON's own type.
        let json: String
        let value: SettingValue
    }

    let good: [Good]
    /// Texts that are refused in each place.
    let wrongTexts: [String]
    /// Members of the file that are refused, beside these texts.
    let wrongJSON: [String]

    /// Those of JSON that YAML has no other reading for: without quotes it makes no difference between texts and numbers.
    var wrongYAML: [String] { wrongJSON.filter { !isText || !["true", "1", "[1]"].contains($0) } }

    private var isText: Bool {
        switch good[0].value {
        case .text, .list: true
        case .integer, .number, .boolean: false
        }
    }

    /// Numbers that no double can hold.
    private static let beyondDouble = ["1e-400", "-1e-400", "1e999"]

    /// - Parameter file: one that can be read
    init(of setting: Setting, file: String) {
        let beyond = Self.beyondDouble
        let none = ["null", "{}", "{\"file\": \"x\"}"]
        switch setting.kind {
        case .text:
            good = [Good(text: "a/b", json: "\"a/b\"", value: .text("a/b"))]
            (wrongTexts, wrongJSON) = ([], none + ["true", "1", "[\"a\"]"])
        case .path(.output):
            good = ["a/b", "./~", "a~/b$c"].map { Good(text: $0, json: "\"\($0)\"", value: .text($0)) }
            (wrongTexts, wrongJSON) = (["~/a"], none + ["true", "1", "[\"a\"]"])
        case .path(.input):
            good = [Good(text: file, json: "\"\(file)\"", value: .text(file))]
            (wrongTexts, wrongJSON) = (["~/a"], none + ["true", "1", "[\"a\"]"])
        case .integer(let range, _):
            good = [range.lowerBound, range.upperBound].flatMap { number in
                ["\(number)", "\(number).0"].map { Good(text: $0, json: $0, value: .integer(number)) }
            }
            wrongTexts =
                ["\(range.lowerBound - 1)", "\(range.upperBound + 1)", "1.5", "some", "0x10", "1.00000000000000000001"]
                + beyond
            wrongJSON = none + ["\(range.upperBound + 1)", "1.5", "true", "[1]"] + beyond
        case .octal(let range):
            good = [range.lowerBound, range.upperBound].flatMap { number in
                let digits = String(number, radix: 8)
                return [digits, "\(digits).0"].map { Good(text: $0, json: $0, value: .integer(number)) }
            }
            wrongTexts = ["8", "1777", "-1", "rw"] + beyond
            wrongJSON = none + ["8", "1777", "true", "[1]"] + beyond
        case .number(let range):
            good = [range.lowerBound, range.upperBound].map { number in
                Good(text: "\(number)", json: "\(number)", value: .number(number))
            }
            let above = "\(range.upperBound + 1)"
            wrongTexts = [above, "-1", "nan", "1/0", "half"] + beyond
            wrongJSON = none + [above, "-1", "true", "[1]"] + beyond
        case .boolean:
            good = [
                Good(text: "true", json: "true", value: .boolean(true)),
                Good(text: "Off", json: "false", value: .boolean(false)),
                Good(text: "1", json: "1", value: .boolean(true)),
            ]
            (wrongTexts, wrongJSON) = (
                ["perhaps", "2", "1.0", "0.0", "1e0"] + beyond, none + ["2", "1.0", "0.0", "1e0", "[true]"] + beyond
            )
        case .choice(let names):
            good = names.map { Good(text: $0, json: "\"\($0)\"", value: .text($0)) }
            (wrongTexts, wrongJSON) = (["nosuch"], none + ["true", "1", "[\"\(names[0])\"]"])
        case .models:
            good = [
                Good(text: file, json: "\"\(file)\"", value: .list([file])),
                Good(
                    text: "a=\(file),b=\(file)", json: "[\"a=\(file)\", \"b=\(file)\"]",
                    value: .list(["a=\(file)", "b=\(file)"])),
            ]
            (wrongTexts, wrongJSON) = (
                ["~/a", "a=~/a", "é=\(file)", "a="], none + ["true", "1", "[1]", "[\"\"]", "[\"é=x\"]"]
            )
        case .canary:
            good = [Good(text: "a=\(file):5%", json: "\"a=\(file):5%\"", value: .text("a=\(file):5%"))]
            (wrongTexts, wrongJSON) = (["a=~/a:5%"], none + ["true", "1", "[\"a\"]", "\"a=~/a:5%\""])
        case .list:
            good = [Good(text: "a,b", json: "[\"a\", \"b\"]", value: .list(["a", "b"]))]
            (wrongTexts, wrongJSON) = ([], none + ["true", "1", "[1]", "[\"\"]"])
        }
    }
}

extension Setting {
    /// One of the commands that take it.
    var anyCommand: Command { Command.allCases.first(where: commands.contains) ?? .serve }
}

extension Settings {
    /// What counts for a setting, read as its type is read.
    func read(_ setting: Setting) throws -> SettingValue? {
        switch setting.kind {
        case .text, .path, .canary, .choice: try text(setting.name).map { .text($0) }
        case .integer, .octal: try integer(ifSet: setting.name).map { .integer($0) }
        case .number: try number(ifSet: setting.name).map { .number($0) }
        case .boolean: .boolean(try isOn(setting.name))
        case .list, .models:
            switch try list(setting.name) {
            case []: nil
            case let texts: .list(texts)
            }
        }
    }
}

/// A folder of files for one test, which goes with it.
final class SettingFiles {
    let folder: String
    /// A file that is a configuration without settings, and can be read as any other.
    var empty: String { folder + "/empty.json" }

    init() throws {
        folder = NSTemporaryDirectory() + "vigil-settings-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try write("{}", to: empty)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The path of a configuration with one member.
    func config(_ setting: Setting, _ json: String) throws -> String {
        let path = folder + "/config.json"
        try write("{\"\(setting.name)\": \(json)}", to: path)
        return path
    }

    /// The path of a configuration in YAML.
    func yaml(_ text: String) throws -> String {
        let path = folder + "/config.yaml"
        try write(text, to: path)
        return path
    }

    func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }
}
