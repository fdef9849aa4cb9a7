/// A small file that someone writes and a server reads, such as keys and certificates: read whole, and not mapped, since it
/// may change while it is looked at.
public struct SmallFile: Sendable {
    /// Why it can't be read.
    public struct Failure: Error, Equatable, Sendable, CustomStringConvertible {
        /// The file.
        public let path: String
        /// What is wrong, as it stands behind "can't be read: ".
        public let reason: String

        /// One sentence.
        public var description: String { "\(path) can't be read: \(reason)" }
    }

    /// Where it is.
    public let path: String
    /// What is in it.
    public let bytes: [UInt8]

    /// Reads the file.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - maxBytes: a larger one is refused
    public init(_ path: String, maxBytes: Int) throws(Failure) {
        // Non-blocking, so that a pipe in the file's place does not hold the server up.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw Failure(path: path, reason: errnoText(errno)) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Failure(path: path, reason: errnoText(errno)) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw Failure(path: path, reason: "it is not a regular file")
        }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(max(Int(status.st_size), 4 << 10) + 1, 64 << 10))
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(path: path, reason: errnoText(errno)) }
            if count == 0 { break }
            bytes += buffer[..<count]
            guard bytes.count <= maxBytes else {
                throw Failure(path: path, reason: "it has more than the \(maxBytes) bytes that are read")
            }
        }
        self.path = path
        self.bytes = bytes
    }

    /// Reads a file of text.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - maxBytes: how large it may be
    ///   - expected: what the text should be, for who named another file
    public static func text(_ path: String, maxBytes: Int = 1 << 20, expected: String) throws(Failure) -> String {
        let file: SmallFile
        do throws(Failure) { file = try SmallFile(path, maxBytes: maxBytes) } catch {
            throw Failure(path: path, reason: "\(error.reason); expected \(expected)")
        }
        guard let text = String(validating: file.bytes, as: UTF8.self) else {
            throw Failure(path: path, reason: "it is no UTF-8 text; expected \(expected)")
        }
        return text
    }
}
