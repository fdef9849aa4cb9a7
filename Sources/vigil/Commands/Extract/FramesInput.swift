import Formats
import Frames
import Platform
import Video

/// A video that is named: a file, a folder, or standard input.
struct FramesInput {
    let path: String
    /// Of raw frames; nil where the bytes say what they are.
    let size: FrameSize?
    /// What decodes it where it is a video; nil where none of the inputs is.
    var ffmpeg: FFmpeg?

    /// The video from its beginning.
    ///
    /// - Parameter selection: the frames that are looked at; nil for all
    func open(only selection: FrameSelection? = nil) throws(FrameError) -> any FrameSource {
        var status = stat()
        if path != FeatureReader.standardInput, stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
            guard size == nil else {
                throw FrameError(.unsupported, "--size is for raw frames, and this is a folder")
            }
            return try FolderFrames(folder: path)
        }
        if let ffmpeg, size == nil, VideoOptions.isVideo(path) {
            return try VideoFrames(VideoFile(path: path), by: ffmpeg, only: selection)
        }
        return try Self.frames(of: try source(), size: size)
    }

    private func source() throws(FrameError) -> ByteSource {
        guard path == FeatureReader.standardInput else {
            do throws(FileError) { return try ByteSource(opening: path, takesPipes: true) } catch {
                throw FrameError(.unreadable, error.description)
            }
        }
        guard isatty(STDIN_FILENO) == 0 else {
            throw FrameError(.unreadable, "standard input is a terminal: expected a file or a pipe there")
        }
        return ByteSource(reading: STDIN_FILENO, path: path)
    }

    private static func frames(of source: ByteSource, size: FrameSize?) throws(FrameError) -> any FrameSource {
        let front = Array(try source.peek(FileKind.frontBytes))
        if let size {
            // Pixels do not begin with a whole header.
            guard NPYOutline(front: front) == nil else {
                throw FrameError(
                    .unsupported,
                    "--size \(size) means raw frames, and this is an .npy file, which says its size itself: leave --size out"
                )
            }
            return try RawFrames(source, size: size)
        }
        if front.isEmpty { return PortableMaps(source) }
        if PortableMaps.isMap(front: front) { return PortableMaps(source) }
        switch front.withUnsafeBytes({ FileKind.detect($0) }) {
        case .npy: return try ArrayFrames(source)
        case .unknown:
            throw FrameError(
                .unsupported,
                "it is neither PPM, PGM nor .npy: raw RGB frames need their --size, such as --size 640x360")
        case let kind:
            throw FrameError(
                .unsupported,
                "it is \(kind.name): expected .ppm, .pgm, .npy or a video in \(VideoContainer.names)\(advice(on: kind, source.path))"
            )
        }
    }

    /// How frames are had of another file.
    private static func advice(on kind: FileKind, _ path: String) -> String {
        let file = path == FeatureReader.standardInput ? "FILE" : path
        return switch kind {
        case .gzip: "; unpack it, by zcat \(file) | vigil extract … -"
        case .torchZip: "; unpack the array in it, by unzip -p \(file) NAME.npy | vigil extract … -"
        case .foreign where !kind.isPlainText:
            path == FeatureReader.standardInput
                ? "; a video is named as a file, in which one can go back"
                : "; ffmpeg makes a video that is decoded here, by ffmpeg -i \(file) -c:v libx264 -an NEW.mp4"
        default: ""
        }
    }

    /// Does what reads the video; whatever is wrong with it is told with its path.
    func naming<Result>(_ work: () throws(FrameError) -> Result) throws(Failure) -> Result {
        do throws(FrameError) { return try work() } catch {
            let text = error.reason.begins(with: path) ? error.reason : "\(path): \(error.reason)"
            throw Failure(error.kind == .unreadable ? .noInput : .badData, text)
        }
    }
}
