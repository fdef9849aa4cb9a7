import JSON
import Platform

/// Where an audit log has come to: how many lines there are, and what the last one is known by.
public struct AuditPlace: Sendable, Equatable {
    /// The number of the last line, from 1; 0 before the first one.
    public var number: Int
    /// The SHA-256 of the last line with its line end, in hexadecimal; zeros before the first one.
    public var digest: String

    /// Before the first line.
    public static let beginning = AuditPlace(number: 0, digest: String(repeating: "0", count: 64))

    /// After so many lines.
    public init(number: Int, digest: String) {
        self.number = number
        self.digest = digest
    }
}

/// A line of an audit log: one JSON object, whose member `prev` is the SHA-256 of the line before.
struct AuditLine {
    /// Longer ones are none.
    static let mostBytes = 64 << 10
    /// Nobody has come to higher numbers, and what counts on from them goes over nothing.
    static let most = Int.max / 2

    /// The next line after a place, with its line end; the place is then that of the line.
    static func next(_ entry: AuditEntry, at time: String, after place: inout AuditPlace) -> [UInt8] {
        var line = JSONWriter.document { json in
            json.object { json in
                json.member("number", place.number + 1)
                json.member("time", time)
                entry.write(to: &json)
                json.member("prev", place.digest)
            }
        }
        line.append(ASCII.lineFeed)
        place = AuditPlace(number: place.number + 1, digest: digest(of: line))
        return line
    }

    /// What a line is known by.
    static func digest(of line: [UInt8]) -> String { line.withUnsafeBytes { SHA256.hexDigest(of: $0) } }

    let number: Int
    let time: String
    let previous: String
    let action: String
    let lostUpTo: Int?

    /// Reads a line without its end; nil where it is none, or no line could follow it.
    init?(_ bytes: some Collection<UInt8>) {
        guard bytes.count <= Self.mostBytes, let value = try? JSONReader.parse(Array(bytes), maxBytes: Self.mostBytes),
            let number = value["number"]?.integer, number > 0, number <= Self.most, let time = value["time"]?.string,
            let previous = value["prev"]?.string, Self.isDigest(previous), let action = value["action"]?.string
        else { return nil }
        self.number = number
        self.time = time
        self.previous = previous
        self.action = action
        lostUpTo = value["lost_up_to"]?.integer
    }

    static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { ASCII.isDigit($0) || (0x61...0x66).contains($0) }
    }
}

/// The witness beside a log, `FILE.head`: the place that the log has come to, written over and over in one place, so that a
/// log that was cut at its end is known.
struct AuditHead {
    /// All of it, filled up with blanks.
    static let bytes = 128

    /// The witness's file of a log.
    static func path(of log: String) -> String { log + ".head" }

    /// What says that the log has come to this place.
    static func text(_ place: AuditPlace) -> [UInt8] {
        var text = JSONWriter.document { json in
            json.object { json in
                json.member("number", place.number)
                json.member("sha256", place.digest)
            }
        }
        text += [UInt8](repeating: ASCII.space, count: max(0, bytes - 1 - text.count))
        return text + [ASCII.lineFeed]
    }

    /// What a witness says; nil where it is none, or no line could follow the one that it knows.
    static func place(_ text: [UInt8]) -> AuditPlace? {
        guard text.count == bytes, let value = try? JSONReader.parse(text, maxBytes: bytes),
            let number = value["number"]?.integer, number >= 0, number <= AuditLine.most,
            let digest = value["sha256"]?.string,
            AuditLine.isDigest(digest)
        else { return nil }
        return AuditPlace(number: number, digest: digest)
    }
}
