import Platform

/// What a feature file's path says: which video, and which of its crops.
///
/// Published feature files are called `NAME__N.npy`, with N from 0 to 9; a name without a crop is the whole.
public struct VideoName: Hashable, Sendable {
    /// The video, `Abuse001_x264`.
    public let name: String
    /// The crop, where the file's name has one.
    public let crop: Int?

    private static let endings: [StaticString] = [".npy", ".npz", ".mp4", ".avi", ".mkv", ".mov", ".webm"]

    /// Reads a path, in which folders stand between slashes or backslashes.
    public init(path: String) {
        func isSlash(_ byte: UInt8) -> Bool { byte == ASCII.slash || byte == ASCII.backslash }
        let path = path.trimmed(where: isSlash)
        var name = path[(path.utf8.lastIndex(where: isSlash).map { path.utf8.index(after: $0) } ?? path.startIndex)...]
        name = Substring(name.utf8.dropLast(Self.endingLength(of: name)))
        var digits = name.utf8[...]
        while let last = digits.last, ASCII.isDigit(last) { digits.removeLast() }
        let crop = ASCII.number(name.utf8.suffix(name.utf8.count - digits.count), most: 2)
        if let crop, digits.count > 2, Substring(digits).ends(with: "__") {
            self.name = String(Substring(digits.dropLast(2)))
            self.crop = crop
        } else {
            self.name = String(name)
            self.crop = nil
        }
    }

    /// A path without its ending, and that; it is empty where it is none of those that are known.
    static func cut(_ path: String) -> (name: String, ending: String) {
        let length = endingLength(of: path[...])
        return (String(Substring(path.utf8.dropLast(length))), String(Substring(path.utf8.suffix(length))))
    }

    private static func endingLength(of name: Substring) -> Int {
        let ending = endings.first { ending in
            let count = ending.utf8CodeUnitCount
            return name.utf8.count > count && ASCII.equal(name.utf8.suffix(count), lowercase: ending)
        }
        return ending?.utf8CodeUnitCount ?? 0
    }

    /// Whether both are the same video and crop, byte for byte.
    public static func == (left: VideoName, right: VideoName) -> Bool {
        left.crop == right.crop && left.name.hasBytes(of: right.name)
    }

    /// Hashes the name's bytes and the crop.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(ByteText(name))
        hasher.combine(crop)
    }
}
