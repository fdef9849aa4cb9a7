import Platform

/// An audit log's file and the witness beside it, open and nobody else's.
struct AuditFile: ~Copyable {
    /// How bytes are added: `write`, or what a test has in its place.
    package typealias Write = @Sendable (CInt, UnsafeRawBufferPointer) -> Int
    /// `write`.
    package static let systemWrite: Write = { Descriptor($0).write($1) }

    /// How a file is cut: `ftruncate`, or what a test has in its place.
    package typealias Cut = @Sendable (CInt, off_t) -> CInt
    /// `ftruncate`.
    package static let systemCut: Cut = { ftruncate($0, $1) }

    let path: String
    private let write: Write
    private let cut: Cut
    private let log: CInt
    private var head: CInt
    /// Bytes of whole lines.
    private var length: Int
    /// Whether there may be a part of a line behind them, which could not be taken back.
    private var isTorn = false
    /// Where the lines in it have come to; nil where there are none.
    let last: AuditPlace?
    /// What the witness says; nil where there is none that can be read.
    let witness: AuditHead?
    /// Whether the lines in it are those that the witness knows, up to the one that it knows.
    let isAsWitnessed: Bool
    /// Bytes behind the last line that were no whole line, and were cut off.
    let torn: Int
    /// Whether neither file was there before.
    let isNew: Bool

    /// Opens both files, which are made where they are missing.
    init(_ path: String, cut: @escaping Cut = systemCut, write: @escaping Write) throws(AuditError) {
        try self.init(path, takingOver: try Self.openHead(of: path), cut, write)
    }

    /// The log itself may be moved away while it is kept; its witness stays where it is. It is written over, so that no link is
    /// followed to what it might be.
    private static func openHead(of path: String) throws(AuditError) -> Opened {
        let head = try open(AuditHead.path(of: path), O_RDWR | O_NOFOLLOW)
        do throws(AuditError) { try lock(head.descriptor, path) } catch {
            close(head.descriptor)
            throw error
        }
        return head
    }

    /// A file that was opened, and whether it was made for that.
    private typealias Opened = (descriptor: CInt, isNew: Bool)

    /// A file is one server's by whatever name.
    private static func lock(_ descriptor: CInt, _ path: String) throws(AuditError) {
        guard flock(descriptor, LOCK_EX | LOCK_NB) != 0 else { return }
        if errno == EWOULDBLOCK { throw .inUse(path: path) }
        throw .failed(operation: "lock", path: path, reason: errnoText(errno))
    }

    /// Opens what is at the path now, with the witness that was there before.
    init(inPlaceOf other: borrowing AuditFile) throws(AuditError) {
        // The lock is that of both; one that is gone has a new one in its place.
        let isThere = Self.isInPlace(other.head, AuditHead.path(of: other.path))
        let head: Opened = isThere ? (fcntl(other.head, F_DUPFD_CLOEXEC, 0), false) : try Self.openHead(of: other.path)
        guard head.descriptor >= 0 else {
            throw .failed(operation: "keep", path: AuditHead.path(of: other.path), reason: errnoText(errno))
        }
        try self.init(other.path, takingOver: head, other.cut, other.write)
    }

    private init(
        _ path: String, takingOver opened: Opened, _ cut: @escaping Cut, _ write: @escaping Write
    ) throws(AuditError) {
        let head = opened.descriptor
        let (log, isLogNew): (CInt, Bool)
        let end: (last: AuditPlace?, length: Int, torn: Int)
        do throws(AuditError) { (log, isLogNew) = try Self.open(path, O_RDWR | O_APPEND) } catch {
            Self.drop(opened, AuditHead.path(of: path))
            throw error
        }
        do throws(AuditError) {
            try Self.lock(log, path)
            end = try Self.end(of: log, path)
            // Of a line that was not written whole nobody was told that it was.
            guard end.torn == 0 || cut(log, off_t(end.length)) == 0 else { throw Self.stuck(path) }
        } catch {
            Self.drop((log, isLogNew), path)
            Self.drop(opened, AuditHead.path(of: path))
            throw error
        }
        isNew = isLogNew && opened.isNew
        self.path = path
        self.write = write
        self.cut = cut
        self.log = log
        self.head = head
        witness = AuditHead(Self.read(head, from: 0, count: AuditHead.bytes + 1))
        (last, length, torn) = end
        isAsWitnessed = Self.has(witness?.place, log, length: end.length, last: end.last)
    }

    /// Closes a file that nothing comes of; one that was made goes again.
    private static func drop(_ opened: Opened, _ path: String) {
        if opened.isNew, isInPlace(opened.descriptor, path) { unlink(path) }
        close(opened.descriptor)
    }

    /// Removes both files, which are new, while nobody else can have begun with them.
    func remove() {
        if isLogInPlace { unlink(path) }
        let witness = AuditHead.path(of: path)
        if Self.isInPlace(head, witness) { unlink(witness) }
    }

    /// Removes what is behind the last whole line: nothing can be added to a part of one.
    private mutating func takeBack() throws(AuditError) {
        guard isTorn else { return }
        guard cut(log, off_t(length)) == 0 else { throw Self.stuck(path) }
        isTorn = false
    }

    private static func stuck(_ path: String) -> AuditError {
        .failed(operation: "cut the part of a line off", path: path, reason: errnoText(errno))
    }

    /// The last line of a file, the bytes up to its end, and those behind it.
    private static func end(
        of log: CInt, _ path: String
    ) throws(AuditError) -> (last: AuditPlace?, length: Int, torn: Int) {
        var status = stat()
        guard fstat(log, &status) == 0 else {
            throw .failed(operation: "examine", path: path, reason: errnoText(errno))
        }
        let size = Int(status.st_size)
        guard size > 0 else { return (nil, 0, 0) }
        let tail = read(log, from: max(0, size - 2 * AuditLine.mostBytes), count: 2 * AuditLine.mostBytes)
        guard let end = tail.lastIndex(of: ASCII.lineFeed) else {
            // The first one, which was not written whole.
            if size < AuditLine.mostBytes, AuditLine.isBeginning(tail) { return (nil, 0, size) }
            throw .unsuitable(path: path, reason: "is no audit log: there is no whole line in it")
        }
        let start = tail[..<end].lastIndex(of: ASCII.lineFeed).map { $0 + 1 } ?? 0
        guard let line = AuditLine(tail[start..<end]) else {
            throw .unsuitable(path: path, reason: "is no audit log: its last line is none of one")
        }
        let digest = AuditLine.digest(of: Array(tail[start...end]))
        let torn = tail.count - end - 1
        return (AuditPlace(number: line.number, digest: digest), size - torn, torn)
    }

    /// Whether the line that a witness knows is there as it knows it, and all behind it follow it.
    private static func has(_ witness: AuditPlace?, _ log: CInt, length: Int, last: AuditPlace?) -> Bool {
        guard let witness, let last else { return true }
        guard witness.number < last.number else { return witness == last }
        var count = min(length, 2 * AuditLine.mostBytes)
        while true {
            let isAll = count == length
            let rows = read(log, from: length - count, count: count)
                .split(separator: ASCII.lineFeed, omittingEmptySubsequences: false).dropLast()
            // The first piece may be the end of a line.
            let lines = rows.dropFirst(isAll ? 0 : 1)
            guard let first = lines.first.flatMap({ AuditLine($0) }) else { return false }
            // A file that was begun behind the line that it knows may be all that is here.
            if first.number <= witness.number || isAll { return follows(lines, witness, from: first) }
            count = min(length, 8 * count)
        }
    }

    private static func follows(
        _ lines: some Sequence<ArraySlice<UInt8>>, _ witness: AuditPlace, from first: AuditLine
    ) -> Bool {
        var before = first.number == witness.number + 1 ? witness.digest : nil
        for bytes in lines {
            guard let line = AuditLine(bytes) else { return false }
            if line.number < witness.number { continue }
            let digest = AuditLine.digest(of: Array(bytes) + [ASCII.lineFeed])
            guard line.number == witness.number ? digest == witness.digest : line.previous == before else {
                return false
            }
            before = digest
        }
        return before != nil
    }

    /// What the last lines tell of jobs; as many as are read at a start without much ado.
    func tail() -> AuditTail {
        let count = min(length, AuditTail.mostBytes)
        let rows = Self.read(log, from: length - count, count: count).split(separator: ASCII.lineFeed)
        return AuditTail(rows.dropFirst(count == length ? 0 : 1).compactMap { AuditLine($0) })
    }

    deinit {
        close(log)
        close(head)
    }

    /// Lets another server have the log, before the files are closed.
    func release() {
        flock(log, LOCK_UN)
        flock(head, LOCK_UN)
    }

    /// Whether both are the files at their paths.
    var isInPlace: Bool { isLogInPlace && Self.isInPlace(head, AuditHead.path(of: path)) }

    /// Whether the log is the file at its path.
    var isLogInPlace: Bool { Self.isInPlace(log, path) }

    /// Takes the witness that is at its path now, or makes one there.
    mutating func renewHead() throws(AuditError) {
        let new = try Self.openHead(of: path)
        close(head)
        head = new.descriptor
    }

    private static func isInPlace(_ descriptor: CInt, _ path: String) -> Bool {
        var (own, other) = (stat(), stat())
        return fstat(descriptor, &own) == 0 && stat(path, &other) == 0 && own.st_dev == other.st_dev
            && own.st_ino == other.st_ino
    }

    /// Which of them has no name any more, so that all that is written to it is gone with this process.
    var removed: String? {
        func isRemoved(_ descriptor: CInt) -> Bool {
            var status = stat()
            return fstat(descriptor, &status) == 0 && status.st_nlink == 0
        }
        return isRemoved(log) ? path : isRemoved(head) ? AuditHead.path(of: path) : nil
    }

    /// Adds whole lines; what was written of them where that fails is taken back.
    mutating func add(_ lines: [UInt8]) throws(AuditError) {
        try takeBack()
        var done = 0
        while done < lines.count {
            let count = lines.withUnsafeBytes { write(log, UnsafeRawBufferPointer(rebasing: $0[done...])) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let reason = errnoText(count < 0 ? errno : ENOSPC)
                isTorn = true
                // Where that fails it is tried again, and nothing is added before.
                try? takeBack()
                throw .failed(operation: "write", path: path, reason: reason)
            }
            done += count
        }
        length += lines.count
    }

    /// Brings what was added to the disk.
    func flush() throws(AuditError) {
        guard fdatasync(log) == 0 else { throw .failed(operation: "flush", path: path, reason: errnoText(errno)) }
    }

    /// Has the witness say where the log has come to, and how much could not be added.
    func note(_ place: AuditPlace, missing: Int = 0, isFlushed: Bool) throws(AuditError) {
        let text = AuditHead(place, missing: missing).text
        let count = text.withUnsafeBytes { pwrite(head, $0.baseAddress, $0.count, 0) }
        guard count == text.count, !isFlushed || fdatasync(head) == 0 else {
            throw .failed(operation: "write", path: AuditHead.path(of: path), reason: errnoText(errno))
        }
    }

    private static func open(_ path: String, _ flags: CInt) throws(AuditError) -> Opened {
        // Non-blocking, so that a pipe in the file's place does not hold the server up.
        let flags = flags | O_CREAT | O_CLOEXEC | O_NONBLOCK
        var descriptor = Platform.open(path, flags | O_EXCL, 0o640)
        let isNew = descriptor >= 0
        if !isNew, errno == EEXIST { descriptor = Platform.open(path, flags, 0o640) }
        guard descriptor >= 0 else {
            if errno == ELOOP, flags & O_NOFOLLOW != 0 {
                throw .unsuitable(path: path, reason: "is a symbolic link, expected a file that is written over")
            }
            throw .failed(operation: "open", path: path, reason: errnoText(errno))
        }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw .unsuitable(path: path, reason: "is not a regular file, expected one that an audit log can go on in")
        }
        return (descriptor, isNew)
    }

    private static func read(_ descriptor: CInt, from offset: Int, count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            var done = 0
            while done < count {
                // Sound: what is read lies behind what was, within the buffer.
                let found = pread(descriptor, buffer.baseAddress.map { $0 + done }, count - done, off_t(offset + done))
                if found < 0, errno == EINTR { continue }
                guard found > 0 else { break }
                done += found
            }
            initialized = done
        }
    }
}
