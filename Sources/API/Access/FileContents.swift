import Platform

/// A small text file, read whole; not mapped, since it may change while it is looked at.
struct FileContents {
    private static let maxBytes = 1 << 20

    let text: String
    let isReadableByAll: Bool

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
        isReadableByAll = status.st_mode & S_IROTH != 0
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
