import Formats
import Platform
import Tensors

/// The finished rows of a video that is worked on, kept as they come: what a process that is ended has made, the next one need not
/// make again.
///
/// It begins with a digest of all that the rows depend on; each row has the beginning of its own. What does not hold is not read,
/// nor what comes after it.
///
/// `@unchecked Sendable`: one thread writes, that which is told of rows.
final class RowsFile: @unchecked Sendable {
    private static let mark = Array("vigil rows 2\n".utf8)
    private static let sumBytes = 8

    private let descriptor: CInt
    /// To where all servers have what is written from now on; nil where that is nowhere.
    var shared: SharedRows?
    /// Whether all could be written until now: without the rest nothing is wrong, but that it would be made again.
    private var isFine = true

    /// The rows that are in a file, as far as they are of this key; what else is there is cut off. A file that can't be used is no
    /// reason to fail.
    ///
    /// - Parameters:
    ///   - key: SHA-256 of what rows depend on
    ///   - limit: numbers that are read at most
    static func open(_ path: String, key: [UInt8], width: Int, limit: Int) -> (file: RowsFile?, rows: Matrix) {
        let none = Matrix(rows: 0, columns: width)
        let descriptor = Platform.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return (nil, none) }
        let head = mark + key
        let file = RowsFile(descriptor)
        var values: [Float] = []
        var end = 0
        if let found = bytes(head.count, of: descriptor, at: 0), found == head {
            end = head.count
            let size = 4 * width
            while values.count + width <= limit, let record = bytes(size + sumBytes, of: descriptor, at: end),
                sum(record[..<size]) == Array(record[size...])
            {
                values += record[..<size].withUnsafeBytes { ElementType.float32.floats($0) }
                end += size + sumBytes
            }
        }
        if end == 0 {
            file.isFine = ftruncate(descriptor, 0) == 0
            file.append(head)
        } else {
            file.isFine =
                ftruncate(descriptor, off_t(end)) == 0 && lseek(descriptor, off_t(end), SEEK_SET) == off_t(end)
        }
        return (file, Matrix(rows: values.count / max(width, 1), columns: width, values: values))
    }

    private init(_ descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Adds a row.
    func append(_ row: [Float]) {
        var writer = ByteWriter()
        writer.append(row)
        let bytes = writer.bytes + Self.sum(writer.bytes[...])
        append(bytes)
        shared?.append(bytes)
    }

    private func append(_ bytes: [UInt8]) {
        guard isFine else { return }
        isFine = write(descriptor, bytes, bytes.count) == bytes.count
    }

    private static func sum(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var digest = SHA256()
        bytes.withUnsafeBytes { digest.update($0) }
        return Array(digest.finalize().prefix(sumBytes))
    }

    private static func bytes(_ count: Int, of descriptor: CInt, at offset: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: count)
        return pread(descriptor, &buffer, count, off_t(offset)) == count ? buffer : nil
    }
}
