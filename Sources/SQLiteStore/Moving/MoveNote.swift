import Jobs
import Platform

/// What a folder says of itself once its jobs have begun to be moved: where to, and by which number the database there knows
/// of it. No server begins with such a folder, since others have its jobs.
package struct MoveNote: Sendable, Equatable {
    private static let mark = "vigil move"
    private static let mostBytes = 1 << 16

    /// By which the database knows the folder.
    package let source: [UInt8]
    /// The database.
    package let place: String
    /// Whether all has been moved.
    package let isDone: Bool

    /// A new one.
    package init(to place: String) {
        self.place = place
        isDone = false
        source = (0..<16).map { _ in UInt8.random(in: 0...255) }
    }

    private init(source: [UInt8], place: String, isDone: Bool) {
        self.source = source
        self.place = place
        self.isDone = isDone
    }

    /// The same of a folder all of which has been moved.
    package var done: MoveNote { MoveNote(source: source, place: place, isDone: true) }

    /// Nil where the folder has none.
    package init?(in folder: String) throws(StateError) {
        let path = StatePlaces(folder: folder).moved
        guard access(path, F_OK) == 0 else { return nil }
        let lines: [String]
        do {
            let bytes = try SmallFile(path, maxBytes: Self.mostBytes).bytes
            lines = String(decoding: bytes, as: UTF8.self).pieces(between: ASCII.lineFeed).map { String($0) }
        } catch { throw .unusable(path: path, reason: error.description) }
        guard lines.count >= 4, lines[0].hasBytes(of: Self.mark), let source = JobID(lines[1])?.bytes else {
            throw .unusable(path: path, reason: "it is not what vigil store copy writes")
        }
        self.init(source: source, place: lines[3], isDone: lines[2].hasBytes(of: "done"))
    }

    /// Writes it; it is on the disk when this returns.
    package func write(in folder: String) throws(StateError) {
        let path = StatePlaces(folder: folder).moved
        let number = JobID(bytes: source).map { "\($0)" } ?? ""
        let text = [Self.mark, number, isDone ? "done" : "begun", place, ""].joined(separator: "\n")
        do throws(FileError) { try AtomicFile.write(Array(text.utf8), to: path) } catch {
            throw .unusable(path: path, reason: error.description)
        }
    }

    /// Why no server begins with the folder.
    var refusal: String {
        "its jobs \(isDone ? "were" : "are being") copied to \(place) by vigil store copy: servers of that database do them; "
            + "where that was not wanted, empty the database and remove this file"
    }
}
