import Formats
import Frames
import Platform

/// A file with a video in it, open to be decoded.
///
/// Sendable: nothing changes after `init`, and the descriptor is closed in `deinit`.
public final class VideoFile: Sendable {
    /// The path it was opened by.
    public let path: String
    /// Bytes in it.
    public let count: Int
    /// What it is by its first bytes.
    public let container: VideoContainer
    let descriptor: CInt

    /// Opens a file; throws where there is none that can be read, or its first bytes are not those of a video.
    public init(path: String) throws(FrameError) {
        var status = stat()
        // Looked at before it is opened: a pipe's writer would be gone when it is closed.
        guard stat(path, &status) == 0 else {
            throw FrameError(.unreadable, FileError.fromErrno(errno, "open", path).description)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Self.irregular }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw FrameError(.unreadable, FileError.fromErrno(errno, "open", path).description)
        }
        var front = [UInt8](repeating: 0, count: VideoContainer.frontBytes)
        let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        let found = isFile ? pread(descriptor, &front, front.count, 0) : 0
        guard isFile, found >= 0 else {
            let code = errno
            close(descriptor)
            throw isFile ? FrameError(.unreadable, errnoText(code)) : Self.irregular
        }
        guard let container = VideoContainer(front: front.prefix(found)) else {
            close(descriptor)
            throw Self.refusal(Array(front.prefix(found)))
        }
        self.path = path
        self.container = container
        self.descriptor = descriptor
        count = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// The container of the file at `path`; nil where it is no video, or can't be read.
    public static func container(of path: String) -> VideoContainer? { (try? VideoFile(path: path))?.container }

    private static var irregular: FrameError {
        FrameError(.unreadable, "a video is read from a file, in which one can go back, and this is none")
    }

    /// Why a file that begins so is no video.
    public static func refusal(_ front: [UInt8]) -> FrameError {
        guard !front.isEmpty else { return FrameError(.truncated, "the file is empty") }
        let kind = front.withUnsafeBytes { FileKind.detect($0) }
        // Recorders' archives hold such files, and this is all that there is to be done with them.
        let advice = front.starts(with: asf) ? "; ffmpeg -i FILE -an FILE.mp4 makes one of it" : ""
        return FrameError(.unsupported, "it is \(kind.name): expected a video in \(VideoContainer.names)\(advice)")
    }

    /// How WMV and ASF begin.
    private static let asf: [UInt8] = [0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]
}
