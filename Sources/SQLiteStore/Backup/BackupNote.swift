import Jobs
import Platform

/// What a folder that is a backup says of itself, until a server begins with it.
public struct BackupNote: Sendable, Equatable {
    private static let mark = "vigil backup"
    private static let mostBytes = 1 << 16

    /// The folder that it was made of.
    public let folder: String
    /// When.
    public let madeAt: WallTime

    /// Nil where the folder is none, or its note can't be read.
    init?(in places: StatePlaces) {
        guard let bytes = try? SmallFile(places.backup, maxBytes: Self.mostBytes).bytes else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).pieces(between: ASCII.lineFeed)
        guard lines.count >= 3, lines[0] == Self.mark, let time = Int64(lines[1]) else { return nil }
        madeAt = WallTime(milliseconds: time)
        folder = lines[2...].joined(separator: "\n")
    }

    init(folder: String, madeAt: WallTime) {
        self.folder = folder
        self.madeAt = madeAt
    }

    func write(in places: StatePlaces) throws(FileError) {
        try AtomicFile.write(Array("\(Self.mark)\n\(madeAt.milliseconds)\n\(folder)".utf8), to: places.backup)
    }
}
