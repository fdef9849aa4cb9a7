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

    /// Whether bytes can be the beginning of a line.
    static func isBeginning(_ bytes: [UInt8]) -> Bool {
        let start = Array(#"{"number":"#.utf8)
        return bytes.starts(with: start) || start.starts(with: bytes)
    }

    /// What a line is known by.
    static func digest(of line: [UInt8]) -> String { line.withUnsafeBytes { SHA256.hexDigest(of: $0) } }

    let number: Int
    let time: String
    let previous: String
    let action: String
    let lostUpTo: Int?
    /// How many things a line of a gap says are missing.
    let missing: Int
    /// Whether the server found nothing beside its log that vouched for the lines before.
    let isUnwitnessed: Bool
    /// The job that it is about.
    let job: String?

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
        // A sum of as many lines as there can be is none that could not be told.
        missing = action == AuditEntry.Action.gap.rawValue ? min(max(0, value["count"]?.integer ?? 0), 1 << 40) : 0
        isUnwitnessed = value["unwitnessed"] == .bool(true)
        job = value["job"]?.string
    }

    static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.utf8.allSatisfy { ASCII.isDigit($0) || (0x61...0x66).contains($0) }
    }
}

/// The witness beside a log, `FILE.head`: the place that the log has come to, written over and over in one place, so that a
/// log that was cut at its end is known, and that what can't be added to the log is told all the same.
struct AuditHead: Equatable {
    /// All of it, filled up with blanks.
    static let bytes = 128

    /// The witness's file of a log.
    static func path(of log: String) -> String { log + ".head" }

    /// The place.
    var place: AuditPlace
    /// How many things that were done were not in the log then.
    var missing = 0

    init(_ place: AuditPlace, missing: Int = 0) {
        self.place = place
        self.missing = missing
    }

    /// How many of them a log has not either that has come to this number: its lines came in their order.
    func missing(at number: Int) -> Int { max(0, missing - max(0, number - place.number)) }

    /// What says so.
    var text: [UInt8] {
        var text = JSONWriter.document { json in
            json.object { json in
                json.member("number", place.number)
                json.member("sha256", place.digest)
                // It has room for that beside a number of as many digits as there can be.
                if missing > 0 { json.member("missing", min(missing, 999_999)) }
            }
        }
        text += [UInt8](repeating: ASCII.space, count: max(0, Self.bytes - 1 - text.count))
        return text + [ASCII.lineFeed]
    }

    /// What a witness says; nil where it is none, or no line could follow the one that it knows.
    init?(_ text: [UInt8]) {
        guard text.count == Self.bytes, let value = try? JSONReader.parse(text, maxBytes: Self.bytes),
            let number = value["number"]?.integer, number >= 0, number <= AuditLine.most,
            let digest = value["sha256"]?.string, AuditLine.isDigest(digest),
            case let missing = value["missing"].map({ $0.integer ?? -1 }) ?? 0, missing >= 0
        else { return nil }
        self.init(AuditPlace(number: number, digest: digest), missing: missing)
    }
}
