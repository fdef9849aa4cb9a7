/// A regular file whose bytes the system is asked for: what the disk can't give is an error, where touching a mapping
/// (``MappedFile``) would end the process.
///
/// Sendable: nothing changes after `init`, each read says where it begins, and the descriptor is closed in `deinit`, when
/// nobody else can hold a reference.
public final class OpenFile: Sendable {
    /// How bytes are read: `pread`, or what a test has in its place.
    package typealias Read = @Sendable (CInt, UnsafeMutableRawPointer?, Int, off_t) -> Int

    /// The path it was opened by, for messages.
    public let path: String
    /// Bytes in the file when it was opened.
    public let count: Int
    private let descriptor: CInt
    private let read: Read
    /// When it was last written to before it was opened.
    private let modified: Int?

    /// Opens `path`. Directories, pipes, sockets and devices are refused; an empty file is not.
    public convenience init(path: String) throws(FileError) { try self.init(path: path, read: Self.systemRead) }

    /// `pread`.
    package static let systemRead: Read = { pread($0, $1, $2, $3) }

    package init(path: String, read: @escaping Read) throws(FileError) {
        (descriptor, count) = try Self.regular(path)
        self.path = path
        self.read = read
        var status = stat()
        modified = fstat(descriptor, &status) == 0 ? status.modifiedNanoseconds : nil
    }

    /// Whether it was written to since it was opened, as far as its length and its time tell.
    public var hasChanged: Bool {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return true }
        return Int(status.st_size) != count || status.modifiedNanoseconds != modified
    }

    /// Opens a regular file to read from, for ``MappedFile`` too: its descriptor, and how many bytes it has.
    static func regular(_ path: String) throws(FileError) -> (descriptor: CInt, count: Int) {
        // O_NONBLOCK: opening a FIFO that nobody writes to must not hang; it has no effect on regular files.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw .fromErrno(errno, "open", path) }
        var isDone = false
        defer { if !isDone { close(descriptor) } }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .fromErrno(errno, "examine", path) }
        if let found = nameOfIrregular(mode: status.st_mode) { throw .notARegularFile(path: path, found: found) }
        isDone = true
        return (descriptor, Int(status.st_size))
    }

    /// What a file is that is no regular one; nil for one that is.
    package static func nameOfIrregular(mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a directory"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        case S_IFCHR, S_IFBLK: "a device"
        default: "something else"
        }
    }

    deinit { close(descriptor) }

    /// All of the file, as long as it was when it was opened.
    public func bytes() throws(FileError) -> [UInt8] { try bytes(0..<count) }

    /// The first bytes of the file, as many as it has of them.
    public func prefix(_ most: Int) throws(FileError) -> [UInt8] { try bytes(0..<min(most, count)) }

    /// A part of the file.
    public func bytes(_ range: Range<Int>) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, initialized in
            do throws(FileError) {
                try fill(UnsafeMutableRawBufferPointer(buffer), from: range.lowerBound)
                initialized = range.count
            } catch { failure = error }
        }
        if let failure { throw failure }
        return bytes
    }

    /// Passes the file on in pieces, through a buffer of its own.
    public func forEachPiece<E>(
        failing: (FileError) -> E, _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        try forEachPiece(of: 0..<count, failing: failing, body)
    }

    /// Passes a part of the file on in pieces of 256 KiB, or of as many whole units as these have, the last one shorter.
    public func forEachPiece<E>(
        of range: Range<Int>, unit: Int = 1, failing: (FileError) -> E,
        _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        let bytes = max((1 << 18) / unit, 1) * unit
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes, alignment: 64)
        defer { buffer.deallocate() }
        var at = range.lowerBound
        while at < range.upperBound {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[..<min(buffer.count, range.upperBound - at)])
            do throws(FileError) { try fill(piece, from: at) } catch { throw failing(error) }
            try body(UnsafeRawBufferPointer(piece))
            at += piece.count
        }
    }

    /// SHA-256 of all of it, in hexadecimal.
    public func sha256() throws(FileError) -> String {
        var digest = SHA256()
        try forEachPiece(failing: { $0 }) { (piece: UnsafeRawBufferPointer) throws(FileError) in digest.update(piece) }
        return digest.hexDigest
    }

    /// Fills a buffer with the bytes from `offset` on.
    func fill(_ buffer: UnsafeMutableRawBufferPointer, from offset: Int) throws(FileError) {
        var done = 0
        while done < buffer.count {
            let piece = UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            // More than 2 GiB are never read in one go.
            let found = read(descriptor, piece.baseAddress, min(piece.count, 1 << 30), off_t(offset + done))
            if found < 0, errno == EINTR { continue }
            guard found >= 0 else { throw .fromErrno(errno, "read", path) }
            guard found > 0 else {
                throw .failed(
                    operation: "read", path: path, reason: "it ends after \(offset + done) of \(count) bytes")
            }
            done += found
        }
    }
}
