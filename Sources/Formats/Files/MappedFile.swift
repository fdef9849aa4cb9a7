#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A regular file, read through a private read-only mapping; its pages are the system's cache and can always be
/// dropped, so a model of hundreds of megabytes costs the process no memory of its own.
///
/// A file that someone shortens while it is mapped raises SIGBUS on the pages that went away, as with every mapping.
/// Vigil replaces files by renaming (``AtomicFile``) and so never does that to itself.
///
/// Sendable: `base` and `count` are set once in `init`, the mapping is read-only, and it is removed in `deinit`, when
/// no one else can hold a reference. The pointer leaves only for the duration of `withUnsafeBytes`.
public final class MappedFile: @unchecked Sendable {
    /// The path it was opened by, for messages.
    public let path: String
    /// Bytes in the file when it was opened.
    public let count: Int
    private let base: UnsafeRawPointer?
    private let isMapped: Bool

    /// Opens and maps `path`. Directories, pipes, sockets and devices are refused; an empty file is not.
    public init(path: String) throws(FileError) {
        // O_NONBLOCK: opening a FIFO that nobody writes to must not hang; it has no effect on regular files.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw .fromErrno(errno, "open", path) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .fromErrno(errno, "examine", path) }
        if let found = MappedFile.nameOfIrregular(mode: status.st_mode) {
            throw .notARegularFile(path: path, found: found)
        }
        self.path = path
        self.count = Int(status.st_size)
        guard count > 0 else {
            self.base = nil
            self.isMapped = false
            return
        }
        guard let mapped = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0), mapped != MAP_FAILED else {
            throw .fromErrno(errno, "map", path)
        }
        self.base = UnsafeRawPointer(mapped)
        self.isMapped = true
    }

    /// Bytes that are part of the program itself, which live as long as it does; `name` stands for the path.
    public init(staticBytes: UnsafePointer<UInt8>, count: Int, name: String) {
        path = name
        self.count = count
        base = UnsafeRawPointer(staticBytes)
        isMapped = false
    }

    deinit {
        if isMapped, let base { munmap(UnsafeMutableRawPointer(mutating: base), count) }
    }

    /// The whole file, valid during the call.
    public func withUnsafeBytes<R, E>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withExtendedLifetime(self) { () throws(E) -> R in
            try body(UnsafeRawBufferPointer(start: base, count: count))
        }
    }

    private static func nameOfIrregular(mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: "a directory"
        case S_IFIFO: "a pipe"
        case S_IFSOCK: "a socket"
        case S_IFCHR, S_IFBLK: "a device"
        default: "something else"
        }
    }
}
