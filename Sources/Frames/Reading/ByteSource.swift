import Platform

/// Bytes that come one after the other, of a file, a pipe or memory; what is ahead of the next frame is never held.
///
/// Not Sendable: one thread reads.
public final class ByteSource {
    private static let bufferBytes = 1 << 16

    /// What it is called in messages.
    public let path: String
    /// How many bytes there are in all, where that is known.
    public let count: Int?
    /// Bytes that were taken.
    public private(set) var taken = 0
    private let read: (UnsafeMutableRawBufferPointer) -> Int
    private let close: () -> Void
    private var buffer = [UInt8](repeating: 0, count: ByteSource.bufferBytes)
    private var held = 0..<0
    private var hasEnded = false

    /// What `read` gives, which puts bytes into a buffer and says how many: 0 at the end, -1 with the reason in errno.
    init(
        path: String, count: Int?, read: @escaping (UnsafeMutableRawBufferPointer) -> Int,
        close: @escaping () -> Void = {}
    ) {
        self.path = path
        self.count = count
        self.read = read
        self.close = close
    }

    /// What is read from a descriptor, which stays open.
    public convenience init(reading descriptor: CInt, path: String) {
        self.init(path: path, count: nil, read: { Platform.read(descriptor, $0.baseAddress, $0.count) })
    }

    /// A file.
    ///
    /// - Parameters:
    ///   - path: the file
    ///   - takesPipes: whether it may be a pipe, whose writer is waited for
    public convenience init(opening path: String, takesPipes: Bool = false) throws(FileError) {
        var status = stat()
        let waits = takesPipes && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
        // Otherwise a pipe without a writer would hold whoever opens it for ever.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | (waits ? 0 : O_NONBLOCK))
        guard descriptor >= 0 else { throw .fromErrno(errno, "open", path) }
        var found: String?
        let isKnown = fstat(descriptor, &status) == 0
        if isKnown { found = OpenFile.nameOfIrregular(mode: status.st_mode) }
        if let found, !waits || status.st_mode & S_IFMT != S_IFIFO {
            _ = Platform.close(descriptor)
            throw .notARegularFile(path: path, found: found)
        }
        self.init(
            path: path, count: isKnown && found == nil ? Int(status.st_size) : nil,
            read: { Platform.read(descriptor, $0.baseAddress, $0.count) }, close: { _ = Platform.close(descriptor) })
    }

    /// The bytes of a file that is open already.
    public convenience init(_ file: MappedFile) {
        var at = 0
        self.init(path: file.path, count: file.count) { buffer in
            let part = at..<min(at + buffer.count, file.count)
            file.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[part])) }
            at = part.upperBound
            return part.count
        }
    }

    /// What has come through a pipe until now, and then all that still comes.
    ///
    /// - Parameters:
    ///   - front: what has come already
    ///   - descriptor: the pipe
    ///   - isClosed: whether the descriptor is closed in the end
    public convenience init(_ front: MappedFile, then descriptor: CInt, isClosed: Bool) {
        var at = 0
        self.init(
            path: front.path, count: nil,
            read: { buffer in
                let part = at..<min(at + buffer.count, front.count)
                guard !part.isEmpty else { return Platform.read(descriptor, buffer.baseAddress, buffer.count) }
                front.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[part])) }
                at = part.upperBound
                return part.count
            }, close: { if isClosed { _ = Platform.close(descriptor) } })
    }

    /// Bytes in memory.
    public convenience init(_ bytes: [UInt8], path: String) {
        var at = 0
        self.init(path: path, count: bytes.count) { buffer in
            let part = bytes[at..<min(at + buffer.count, bytes.count)]
            buffer.copyBytes(from: part)
            at += part.count
            return part.count
        }
    }

    deinit { close() }

    /// Bytes that are still to come, where that is known.
    public var remaining: Int? { count.map { max($0 - taken, 0) } }

    /// The next bytes without taking them, fewer only at the end; up to the buffer's size.
    public func peek(_ most: Int) throws(FrameError) -> ArraySlice<UInt8> {
        let most = min(most, buffer.count)
        if held.count < most, !hasEnded {
            buffer.replaceSubrange(0..<held.count, with: Array(buffer[held]))
            held = 0..<held.count
            while held.count < most, !hasEnded {
                let got = try buffer.withUnsafeMutableBytesTyped { bytes throws(FrameError) in
                    try fetch(UnsafeMutableRawBufferPointer(rebasing: bytes[held.upperBound...]))
                }
                held = 0..<held.upperBound + got
            }
        }
        return buffer[held.lowerBound..<min(held.upperBound, held.lowerBound + most)]
    }

    /// The next byte; nil at the end.
    public func next() throws(FrameError) -> UInt8? {
        if held.isEmpty, try peek(1).isEmpty { return nil }
        let byte = buffer[held.lowerBound]
        held = held.lowerBound + 1..<held.upperBound
        taken += 1
        return byte
    }

    /// Fills a buffer; fewer bytes than it has come only at the end.
    public func fill(_ target: UnsafeMutableRawBufferPointer) throws(FrameError) -> Int {
        var done = min(held.count, target.count)
        target.copyBytes(from: buffer[held.lowerBound..<held.lowerBound + done])
        held = held.lowerBound + done..<held.upperBound
        while done < target.count, !hasEnded {
            done += try fetch(UnsafeMutableRawBufferPointer(rebasing: target[done...]))
        }
        taken += done
        return done
    }

    private func fetch(_ target: UnsafeMutableRawBufferPointer) throws(FrameError) -> Int {
        while true {
            let found = read(UnsafeMutableRawBufferPointer(rebasing: target.prefix(1 << 30)))
            if found < 0, errno == EINTR { continue }
            guard found >= 0 else { throw FrameError(.unreadable, "it can't be read: \(errnoText(errno))") }
            hasEnded = found == 0
            return found
        }
    }
}

extension Array where Element == UInt8 {
    /// `withUnsafeMutableBytes` with a typed error.
    fileprivate mutating func withUnsafeMutableBytesTyped<R>(
        _ body: (UnsafeMutableRawBufferPointer) throws(FrameError) -> R
    ) throws(FrameError) -> R {
        try withUnsafeMutableBufferPointer { buffer throws(FrameError) in
            try body(UnsafeMutableRawBufferPointer(buffer))
        }
    }
}
