#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A small text file, read whole; not mapped, since it may change while it is looked at.
struct FileContents {
    /// Tells a file, and one state of it, from another.
    struct Stamp: Equatable, Sendable {
        let device: UInt64
        let inode: UInt64
        let size: Int64
        let modifiedSeconds: Int
        let modifiedNanoseconds: Int
        let isReadableByAll: Bool

        fileprivate init(_ status: stat) {
            device = UInt64(status.st_dev)
            inode = UInt64(status.st_ino)
            size = Int64(status.st_size)
            modifiedSeconds = status.st_mtim.tv_sec
            modifiedNanoseconds = status.st_mtim.tv_nsec
            isReadableByAll = status.st_mode & S_IROTH != 0
        }

        /// Of the file that is at `path` now; nil where there is none.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.init(status)
        }
    }

    private static let maxBytes = 1 << 20

    let text: String
    let stamp: Stamp

    init(_ path: String) throws(APIKeyError) {
        // Non-blocking, so that a pipe in the file's place does not hold the server up.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw APIKeyError("\(path) can't be read: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw APIKeyError("\(path) is not a regular file")
        }
        stamp = Stamp(status)
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw APIKeyError("\(path) can't be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= Self.maxBytes else {
                throw APIKeyError("\(path) is larger than the \(Self.maxBytes) bytes that a file of keys may have")
            }
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw APIKeyError("\(path) is no UTF-8 text: expected lines of name:sha256hex")
        }
        self.text = text
    }
}
