import Synchronization

/// A file's bytes: a regular file's, read through a private read-only mapping; its pages are the system's cache and can
/// always be dropped, so a model of hundreds of megabytes costs the process no memory of its own. What comes through a
/// pipe is held in memory.
///
/// A file that someone shortens while it is mapped raises SIGBUS on the pages that went away, as with every mapping, and one
/// that is written over in its place has bytes of both. Vigil replaces files by renaming (``AtomicFile``) and so never does
/// that to itself; what is used for hours is better made independent of the file (``isolate(in:)``), and what is read once is
/// asked at the end whether it ``isUnchanged``.
///
/// Sendable: `base` and `count` are set once in `init`, nothing is written there then, and it is given back in `deinit`,
/// when no one else can hold a reference; isolating puts the same bytes in the place of those that are there. Whoever keeps the pointer of `withUnsafeBytes` beyond the call keeps the object too.
public final class MappedFile: @unchecked Sendable {
    /// The path it was opened by, for messages.
    public let path: String
    /// Bytes in the file when it was opened.
    public let count: Int
    private let base: UnsafeRawPointer?
    private let memory: Memory
    private let source: Mutex<Source>

    /// What stands behind the bytes.
    private struct Source {
        /// Nil for bytes in memory.
        var descriptor: Int32?
        /// What the system said of the file when it was opened.
        var identity: FileIdentity?
        /// The file that was opened at first, where a copy has taken its place: somebody may still read it.
        var former: Int32?
    }

    private var descriptor: Int32? { source.withLock(\.descriptor) }

    /// Whose memory the bytes are in.
    private enum Memory {
        case mapping, program, allocated
    }

    /// Opens and maps `path`. Directories, pipes, sockets and devices are refused; an empty file is not.
    public init(path: String) throws(FileError) {
        let (descriptor, count) = try OpenFile.regular(path)
        var isDone = false
        defer { if !isDone { close(descriptor) } }
        self.path = path
        self.count = count
        guard count > 0 else {
            self.base = nil
            self.memory = .program
            self.source = Mutex(Source())
            return
        }
        guard let mapped = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED else {
            throw .fromErrno(errno, "map", path)
        }
        self.base = UnsafeRawPointer(mapped)
        self.memory = .mapping
        self.source = Mutex(Source(descriptor: descriptor, identity: FileIdentity(descriptor)))
        isDone = true
    }

    /// The file's bytes in memory of its own, read once: whatever becomes of the file, they stay what they were.
    public init(holding path: String) throws(FileError) {
        let file = try OpenFile(path: path)
        guard let room = malloc(max(file.count, 1)) else { throw .fromErrno(ENOMEM, "hold", path) }
        do throws(FileError) {
            try file.fill(UnsafeMutableRawBufferPointer(start: room, count: file.count), from: 0)
        } catch {
            free(room)
            throw error
        }
        self.path = path
        count = file.count
        memory = .allocated
        source = Mutex(Source())
        base = UnsafeRawPointer(room)
    }

    /// Bytes that are part of the program itself, which live as long as it does; `name` stands for the path.
    public init(staticBytes: UnsafePointer<UInt8>, count: Int, name: String) {
        path = name
        self.count = count
        base = UnsafeRawPointer(staticBytes)
        memory = .program
        source = Mutex(Source())
    }

    /// What has come before it is asked whether that is enough.
    private static let frontBytes = 4 << 10

    /// All that comes from a pipe, a socket or a terminal, held in memory of its own; it is read to its end, and not closed.
    ///
    /// - Parameters:
    ///   - descriptor: an open file
    ///   - path: stands for it in messages
    ///   - limit: bytes beyond which it is refused
    ///   - isEnough: asked about the first 4 KiB or more, and again each time that there is twice as much; where it says so, the
    ///     file is what has come until then
    public init(
        readingFrom descriptor: Int32, path: String, limit: Int,
        until isEnough: (UnsafeRawBufferPointer) -> Bool = { _ in false }
    ) throws(FileError) {
        var room = min(1 << 16, limit + 1)
        var bytes = malloc(room)
        var count = 0
        var isDone = false
        var nextAsked = Self.frontBytes
        defer { if !isDone { free(bytes) } }
        while count <= limit {
            if count == room {
                room = min(2 * room, limit + 1)
                guard let larger = realloc(bytes, room) else { throw .fromErrno(errno, "hold", path) }
                bytes = larger
            }
            guard let place = bytes else { throw .fromErrno(ENOMEM, "hold", path) }
            let found = read(descriptor, place + count, room - count)
            if found < 0, errno == EINTR { continue }
            guard found >= 0 else { throw .notReadable(path: path, reason: errnoText(errno)) }
            if found == 0 { break }
            count += found
            if count >= nextAsked {
                nextAsked = 2 * count
                if isEnough(UnsafeRawBufferPointer(start: place, count: count)) { break }
            }
        }
        guard count <= limit else {
            throw .notReadable(path: path, reason: "more than \(limit >> 20) MiB came, and a pipe is held in memory")
        }
        self.path = path
        self.count = count
        base = UnsafeRawPointer(bytes)
        memory = .allocated
        source = Mutex(Source())
        isDone = true
    }

    deinit {
        if let base {
            switch memory {
            case .mapping: munmap(UnsafeMutableRawPointer(mutating: base), count)
            case .allocated: free(UnsafeMutableRawPointer(mutating: base))
            case .program: break
            }
        }
        source.withLock { source in
            for descriptor in [source.descriptor, source.former] { if let descriptor { close(descriptor) } }
        }
    }

    /// Gives the file a further name, which stays when another file takes the place of this one; where that can't be, as on
    /// another file system, its bytes are copied.
    public func copy(to other: String) throws(FileError) {
        guard isUnchanged else { throw .notReadable(path: path, reason: "it was written to since it was opened") }
        if let descriptor, linkat(AT_FDCWD, "/proc/self/fd/\(descriptor)", AT_FDCWD, other, AT_SYMLINK_FOLLOW) == 0 {
            return
        }
        var copy = try AtomicFile(path: other)
        try withUnsafeBytes { bytes throws(FileError) in try copy.write(bytes) }
        try copy.commit()
    }

    /// Whether the system knows of nothing that was written to the file since it was opened. That someone put another one in
    /// its place makes no difference: this one is still there.
    public var isUnchanged: Bool {
        source.withLock { source in source.descriptor.map { FileIdentity($0) == source.identity } ?? true }
    }

    /// Puts a copy without a name, which nobody else can write to, in the place of the file: from then on the bytes stay what
    /// they are whatever becomes of the file. Whoever reads them meanwhile finds the same as before.
    ///
    /// - Parameter folder: on whose disk the copy is; it goes with this object
    /// - Throws: where there is no room, or the file was written to since it was opened; then all is as it was
    public func isolate(in folder: String) throws(FileError) {
        guard case .mapping = memory, let base,
            let descriptor = source.withLock({ $0.former == nil ? $0.descriptor : nil })
        else { return }
        let copy = try UnnamedFile.make(in: folder)
        var isDone = false
        defer { if !isDone { close(copy) } }
        try UnnamedFile.fill(copy, from: descriptor, count: count, path: path)
        guard isUnchanged else { throw .notReadable(path: path, reason: "it was written to since it was opened") }
        let place = UnsafeMutableRawPointer(mutating: base)
        guard mmap(place, count, PROT_READ, MAP_PRIVATE | MAP_FIXED, copy, 0) == place else {
            throw .fromErrno(errno, "map", path)
        }
        source.withLock { $0 = Source(descriptor: copy, identity: FileIdentity(copy), former: descriptor) }
        isDone = true
    }

    /// The whole file, valid during the call.
    public func withUnsafeBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withExtendedLifetime(self) { () throws(E) -> R in
            try body(UnsafeRawBufferPointer(start: base, count: count))
        }
    }

    /// Passes the bytes of `range` on, in pieces, through a buffer of its own: reading them so, once, does not count as
    /// memory of the process as touching the mapping does.
    public func forEachPiece(of range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Void) {
        let range = range.clamped(to: 0..<count)
        guard let descriptor else {
            if !range.isEmpty { withUnsafeBytes { body($0.part(range)) } }
            return
        }
        withUnsafeTemporaryAllocation(byteCount: 1 << 18, alignment: 64) { buffer in
            var at = range.lowerBound
            while at < range.upperBound {
                let found = pread(descriptor, buffer.baseAddress, min(buffer.count, range.upperBound - at), off_t(at))
                if found < 0, errno == EINTR { continue }
                // A file that can no longer be read still has its mapping.
                guard found > 0 else { return withUnsafeBytes { body($0.part(at..<range.upperBound)) } }
                body(UnsafeRawBufferPointer(rebasing: buffer[..<found]))
                at += found
            }
        }
    }
}

/// What the system says of an open file, which is another when its bytes are.
private struct FileIdentity: Equatable {
    private let bytes: Int
    private let seconds: Int
    private let nanoseconds: Int

    init?(_ descriptor: CInt) {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        bytes = Int(status.st_size)
        seconds = Int(status.st_mtim.tv_sec)
        nanoseconds = Int(status.st_mtim.tv_nsec)
    }
}
