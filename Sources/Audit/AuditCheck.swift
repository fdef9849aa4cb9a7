import Platform

/// Whether an audit log is as it was written: each line follows the one before, in files that follow each other.
public struct AuditCheck: Sendable {
    /// What is wrong, and where.
    public struct Fault: Error, Sendable, Equatable, CustomStringConvertible {
        /// The file.
        public let path: String
        /// The line in it, from 1; nil where it is about all of the file.
        public let line: Int?
        /// What is wrong.
        public let reason: String

        /// One line for people.
        public var description: String { "\(path)\(line.map { ", line \($0)" } ?? ""): \(reason)" }
    }

    /// What is known of a log that is whole.
    public struct Report: Sendable, Equatable {
        /// How many lines there are.
        public var lines = 0
        /// The time of the first one.
        public var first: String?
        /// The time of the last one.
        public var last: String?
        /// The place of the last one, which vouches for all before it.
        public var place = AuditPlace.beginning
        /// Whether a witness has vouched for the last one, or one before it; nothing else does for the last line.
        public var witness: AuditPlace?
        /// Whether a server was writing a further line when it was read, which is left out.
        public var isBeingWritten = false
        /// How many things were done that are not in it, since it could not be written, as it says itself.
        public var missing = 0
        /// The lines with which a server went on though nothing vouched for the lines before, by their numbers.
        public var unwitnessed: [Int] = []
    }

    /// The digest of the line that the first one follows; nil where the log is there from its beginning.
    private let after: String?
    /// The digest that the last line must have.
    private let expected: String?

    /// A check of a log from its beginning, or from behind a line of which the digest is known, to the line that is expected to
    /// be the last one.
    public init(after: String? = nil, expectedLast expected: String? = nil) {
        self.after = after
        self.expected = expected
    }

    /// Whether a text is a digest that lines are known by.
    public static func isDigest(_ text: String) -> Bool { AuditLine.isDigest(text) }

    /// Reads files that follow each other, and the witness beside the last one where there is one.
    public func run(_ paths: [String]) throws(AuditCheckError) -> Report {
        // Before the log: one that is being written may come further meanwhile.
        let witness = try Self.witness(beside: paths.last ?? "")
        var walk = Walk(after: after, witness: witness?.place)
        let end = paths.last ?? ""
        for path in paths.dropLast() { try walk.read(path) }
        // Between a rotation and the next line there is no new file, or nothing in it.
        var isThere = true
        do throws(AuditCheckError) { try walk.read(end) { Self.isKept(end) } } catch {
            guard case .unreadable(.noSuchFile) = error, witness != nil else { throw error }
            isThere = false
        }
        if let witness, walk.report.lines == 0 {
            guard after == witness.place.digest else {
                throw .fault(Self.withoutLines(isThere ? "it has no line" : "it is not there", end, witness.place))
            }
            walk.report.place = witness.place
        }
        if let witness {
            guard witness.place.number <= walk.report.place.number else {
                throw .fault(
                    Fault(
                        path: end, line: nil,
                        reason: "it is cut at its end: the last line is number \(walk.report.place.number), and "
                            + "\(AuditHead.path(of: end)) knows \(witness.place.number)"))
            }
            walk.report.witness = witness.place
            walk.report.missing += witness.missing(at: walk.report.place.number)
        }
        if let expected, expected != walk.report.place.digest {
            throw .fault(
                Fault(
                    path: end, line: nil,
                    reason: "its last line has the SHA-256 \(walk.report.place.digest), expected \(expected)"))
        }
        return walk.report
    }

    /// Whether a server has the log now.
    private static func isKept(_ path: String) -> Bool {
        let descriptor = open(AuditHead.path(of: path), O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return false }
        defer { closeLocked(descriptor) }
        return flock(descriptor, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK
    }

    /// What is wrong with a log of which only the witness is left in its place: moved away, as for a rotation, or removed.
    private static func withoutLines(_ what: String, _ path: String, _ witness: AuditPlace) -> Fault {
        Fault(
            path: path, line: nil,
            reason:
                "\(what), and \(AuditHead.path(of: path)) knows line \(witness.number): where the log was moved away, as for a "
                + "rotation, name the file that it is in now before this one")
    }

    /// Nil where there is no such file, or it is as it was made.
    private static func witness(beside path: String) throws(AuditCheckError) -> AuditHead? {
        let path = AuditHead.path(of: path)
        let bytes: [UInt8]
        do throws(FileError) { bytes = try OpenFile(path: path).prefix(AuditHead.bytes + 1) } catch {
            if case .noSuchFile = error { return nil }
            throw .unreadable(error)
        }
        guard !bytes.isEmpty else { return nil }
        guard let head = AuditHead(bytes) else {
            throw .fault(Fault(path: path, line: nil, reason: "it is not what a server writes beside its audit log"))
        }
        return head
    }
}

/// Why a check of an audit log came to no good end.
public enum AuditCheckError: Error, Sendable, Equatable {
    /// A file can't be read.
    case unreadable(FileError)
    /// Something is wrong with the log.
    case fault(AuditCheck.Fault)
}

/// The way through the lines.
private struct Walk {
    let witness: AuditPlace?
    var report = AuditCheck.Report()
    /// Whether the number of the next line is known.
    private var isAnchored: Bool
    private var path = ""
    private var lineInFile = 0
    private static let noLine = "it is no line of an audit log"

    init(after: String?, witness: AuditPlace?) {
        self.witness = witness
        isAnchored = after == nil
        if let after { report.place.digest = after }
    }

    /// - Parameter isKept: whether a server may be at the file's end
    mutating func read(_ path: String, isKept: () -> Bool = { false }) throws(AuditCheckError) {
        self.path = path
        lineInFile = 0
        let file: OpenFile
        do throws(FileError) { file = try OpenFile(path: path) } catch { throw .unreadable(error) }
        var line: [UInt8] = []
        try file.forEachPiece(failing: { AuditCheckError.unreadable($0) }) { piece throws(AuditCheckError) in
            var rest = piece[...]
            while let end = rest.firstIndex(of: ASCII.lineFeed) {
                line += rest[...end]
                try take(line)
                line.removeAll(keepingCapacity: true)
                rest = rest[(end + 1)...]
            }
            line += rest
            guard line.count <= AuditLine.mostBytes else { throw fault(lineInFile + 1, Self.noLine) }
        }
        guard !line.isEmpty else { return }
        guard isKept(), AuditLine.isBeginning(line) else { throw fault(lineInFile + 1, "it has no end") }
        report.isBeingWritten = true
    }

    private mutating func take(_ bytes: [UInt8]) throws(AuditCheckError) {
        lineInFile += 1
        guard let line = AuditLine(bytes.dropLast()) else { throw fault(lineInFile, Self.noLine) }
        let place = report.place
        if isAnchored, line.number != place.number + 1 {
            let isPart = report.lines == 0 && line.number > 1
            throw fault(
                lineInFile,
                "it is number \(line.number)"
                    + (isPart
                        ? ": the file before it is to be named first, or the line that it follows by --after"
                        : ", expected \(place.number + 1): a line is missing, moved or there twice"))
        }
        guard line.previous == place.digest else {
            throw fault(
                lineInFile,
                "the line before it was changed or is missing, or this one was changed: it follows \(line.previous), and "
                    + "that one is \(place.digest)")
        }
        if let lost = line.lostUpTo {
            throw fault(
                lineInFile,
                "lines before it are missing or were changed, up to number \(lost), as the server found when "
                    + "it began")
        }
        report.place = AuditPlace(number: line.number, digest: AuditLine.digest(of: bytes))
        if let witness, witness.number == line.number, witness != report.place {
            throw fault(lineInFile, "it was changed: \(path).head knows it by another SHA-256")
        }
        isAnchored = true
        report.missing += line.missing
        if line.isUnwitnessed { report.unwitnessed.append(line.number) }
        report.lines += 1
        if report.first == nil { report.first = line.time }
        report.last = line.time
    }

    private func fault(_ line: Int, _ reason: String) -> AuditCheckError {
        .fault(AuditCheck.Fault(path: path, line: line, reason: reason))
    }
}
