import JSON
import Jobs
import Logging
import Platform

/// How all lines of a server's logs are written: those of the log and those of the access log.
enum LogForm: String, Sendable, CaseIterable {
    /// The time, the level, the message, and fields as `name=value`.
    case text
    /// An object of the same.
    case json
}

/// A line of a log: what is added to it is written at once, and what others wrote in it can't begin another line.
struct LogLine {
    private let form: LogForm
    private var json: JSONWriter
    private var text: [UInt8] = []

    /// The line of an event, without its fields.
    init(_ form: LogForm, at time: WallTime, _ level: Logger.Level, _ message: String, reserving capacity: Int = 256) {
        self.form = form
        json = JSONWriter(reserving: form == .json ? capacity : 0)
        switch form {
        case .json:
            json.member("time", time.description)
            json.member("level", level.rawValue)
            json.member("message", message)
        case .text:
            text.reserveCapacity(capacity)
            text += "\(time) \(level.rawValue) ".utf8
            text += Self.escaped(message, quotes: false).utf8
        }
    }

    /// Adds a field whose value is text; one that has none is null in JSON, and left out of text.
    mutating func add(_ name: String, _ value: String?) {
        switch form {
        case .json: json.member(name, value)
        case .text: if let value { append(name, Self.quoted(value)) }
        }
    }

    /// Adds a field whose value is a whole number.
    mutating func add(_ name: String, _ value: Int?) {
        switch form {
        case .json: json.member(name, value)
        case .text: if let value { append(name, "\(value)") }
        }
    }

    /// Adds a field whose value is a number.
    mutating func add(_ name: String, _ value: Double) {
        switch form {
        case .json: json.member(name, value)
        case .text: append(name, "\(value)")
        }
    }

    /// Adds a field whose value is true or false.
    mutating func add(_ name: String, _ value: Bool) {
        switch form {
        case .json: json.member(name, value)
        case .text: append(name, "\(value)")
        }
    }

    /// All of it, with its end.
    var bytes: [UInt8] {
        switch form {
        case .json: [UInt8(ascii: "{")] + json.bytes + [UInt8(ascii: "}"), ASCII.lineFeed]
        case .text: text + [ASCII.lineFeed]
        }
    }

    private mutating func append(_ name: String, _ value: String) {
        text.append(ASCII.space)
        text += name.utf8
        text.append(ASCII.equals)
        text += value.utf8
    }

    /// A value in quotes where it is empty, has blanks or quotes, or something that can't be shown.
    private static func quoted(_ value: String) -> String {
        let isPlain = value.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0 != "\"" && !(0x7F...0x9F).contains($0.value)
        }
        return isPlain && !value.isEmpty ? value : "\"\(escaped(value, quotes: true))\""
    }

    /// Without anything that could begin another line, or move the terminal's cursor.
    private static func escaped(_ text: String, quotes: Bool) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\"" where quotes, "\\" where quotes: result += "\\\(scalar)"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value):
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension LogLine {
    /// An event with its fields, in the order of their names.
    init(
        _ form: LogForm, at time: WallTime, _ level: Logger.Level, _ message: String, _ metadata: Logger.Metadata
    ) {
        self.init(form, at: time, level, message)
        for field in metadata.sorted(by: { $0.key < $1.key }) {
            // An object has each name once.
            let isTaken = form == .json && ["time", "level", "message"].contains(field.key)
            add(isTaken ? "\(field.key)_" : field.key, metadata: field.value)
        }
    }

    /// What was given as a number is one in JSON, and sizes are numbers of bytes.
    private mutating func add(_ name: String, metadata value: Logger.MetadataValue) {
        guard form == .json, case .stringConvertible(let given) = value else {
            add(name, "\(value)")
            return
        }
        switch given {
        case let number as any BinaryInteger: add(name, Int(clamping: number))
        case let size as ByteCount: add(name, size.bytes)
        default: add(name, "\(given)")
        }
    }
}
