import Formats
import Platform

/// The kind of file that a video is in, told from its first bytes: whatever it is called, and whatever a decoder would make
/// of it.
public enum VideoContainer: String, CaseIterable, Sendable {
    /// MP4, QuickTime and 3GP.
    case mov
    /// Matroska and WebM.
    case matroska
    case avi
    /// MPEG transport streams.
    case mpegts
    /// MPEG program streams, as .mpg and .vob are.
    case mpeg
    case ogg
    case gif
    /// Flash Video, as older cameras' recorders write it.
    case flv

    /// Bytes that tell it.
    public static let frontBytes = FileKind.frontBytes

    /// Nil where a file that begins so is in none of them.
    public init?(front: some Collection<UInt8>) {
        let front = Array(front.prefix(Self.frontBytes))
        func has(_ mark: String, at offset: Int = 0) -> Bool { front.dropFirst(offset).starts(with: mark.utf8) }
        if Self.boxes.contains(where: { has($0, at: 4) }), !has("ftypavif", at: 4), !has("ftypheic", at: 4) {
            self = .mov
        } else if front.starts(with: [0x1A, 0x45, 0xDF, 0xA3]) {
            self = .matroska
        } else if has("RIFF"), has("AVI", at: 8) {
            self = .avi
        } else if front.starts(with: [0, 0, 1, 0xBA]) {
            self = .mpeg
        } else if has("OggS") {
            self = .ogg
        } else if has("GIF87a") || has("GIF89a") {
            self = .gif
        } else if has("FLV\u{1}") {
            self = .flv
        } else if Self.hasPackets(front, from: 0, step: 188) || Self.hasPackets(front, from: 4, step: 192) {
            self = .mpegts
        } else {
            return nil
        }
    }

    /// Whether nothing in it says where in it one can begin to decode.
    var hasNoIndex: Bool { [.mpegts, .mpeg, .ogg].contains(self) }

    /// What it is called.
    public var name: String {
        switch self {
        case .mov: "MP4"
        case .matroska: "Matroska"
        case .avi: "AVI"
        case .mpegts: "MPEG transport stream"
        case .mpeg: "MPEG program stream"
        case .ogg: "Ogg"
        case .gif: "GIF"
        case .flv: "FLV"
        }
    }

    /// All of them, for a person.
    public static var names: String {
        let names = allCases.map(\.name)
        return names.dropLast().joined(separator: ", ") + " or " + (names.last ?? "")
    }

    /// What a file is called that holds one, without its dot; what it is, its bytes say.
    static let endings: Set<String> = [
        "mp4", "m4v", "mov", "3gp", "mkv", "webm", "avi", "ts", "m2ts", "mts", "mpg", "mpeg", "vob", "ogv", "ogg",
        "gif", "flv",
    ]

    /// Whether a file's name is that of a video.
    public static func isNamed(_ path: String) -> Bool {
        guard let dot = path.utf8.lastIndex(of: ASCII.dot) else { return false }
        return endings.contains(path[path.utf8.index(after: dot)...].asciiLowercase)
    }

    /// Boxes that a QuickTime file may begin with, and all that came of it.
    private static let boxes = ["ftyp", "moov", "mdat", "wide", "free", "skip", "pnot"]

    /// Whether it begins with two packets or more, or is one alone: a single byte says nothing of a file that goes on.
    private static func hasPackets(_ front: [UInt8], from start: Int, step: Int) -> Bool {
        guard front.count >= 2 * step else { return start == 0 && front.count == 188 && front[0] == 0x47 }
        return stride(from: start, to: front.count, by: step).allSatisfy { front[$0] == 0x47 }
    }
}
