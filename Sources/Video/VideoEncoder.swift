import Formats
import Frames
import Platform

/// Makes MP4 files of frames by ffmpeg's libx264, in the isolation in which videos are decoded: it gets frames by a pipe, and
/// what it makes comes by another one.
public struct VideoEncoder: Sendable {
    private let ffmpeg: FFmpeg
    private let size: FrameSize
    private let rate: Int
    /// x264's constant rate factor: 23 is its own, and loses more the higher it is.
    private let quality: Int

    /// - Parameters:
    ///   - ffmpeg: the program
    ///   - size: of each frame
    ///   - rate: frames a second
    ///   - quality: x264's constant rate factor; less is better
    public init(by ffmpeg: FFmpeg, size: FrameSize, rate: Int, quality: Int = 23) {
        (self.ffmpeg, self.size, self.rate, self.quality) = (ffmpeg, size, rate, quality)
    }

    /// One thread, since x264's bytes differ by their number.
    private var arguments: [String] {
        [
            "-nostdin", "-hide_banner", "-v", "error", "-f", "rawvideo", "-pixel_format", "rgb24", "-video_size",
            size.description, "-framerate", String(rate), "-i", "pipe:0", "-an", "-c:v", "libx264", "-threads", "1",
            "-crf", String(quality), "-pix_fmt", "yuv420p", "-fflags", "+bitexact", "-flags:v", "+bitexact",
            "-movflags", "frag_keyframe+empty_moov+default_base_moof", "-f", "mp4", "pipe:1",
        ]
    }

    /// Encodes all frames of a source, and writes the file whole or not at all.
    public func encode(_ source: some FrameSource & Sendable, to path: String) throws {
        guard let command = ffmpeg.isolation.command(ffmpeg.path, arguments, VideoLimits()) else {
            throw FrameError(.unreadable, "\(ffmpeg.isolation.rawValue) is gone")
        }
        var file = try AtomicFile(path: path)
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw FrameError(.unreadable, "no pipe: \(errnoText(errno))")
        }
        let (input, frames) = (ends[0], ends[1])
        let process: Subprocess
        do throws(SubprocessError) { process = try Subprocess(command, input: input) } catch {
            for end in ends { close(end) }
            throw FrameError(.unreadable, error.description)
        }
        close(input)
        let given = Monitor(Given())
        let code = OwnThread.run(name: "vigil-encode", stackBytes: 1 << 20) {
            let fault = Self.give(source, to: frames)
            close(frames)
            given.withLock { $0 = Given(isOver: true, fault: fault) }
            given.wakeAll()
        }
        guard code == 0 else {
            close(frames)
            throw FrameError(.unreadable, "no thread can be started: \(errnoText(code))")
        }
        var count = 0
        try Self.read(process.output) { bytes in
            count += bytes.count
            try file.write(bytes)
        }
        var said: [UInt8] = []
        try Self.read(process.errors) { if said.count < 1_000 { said += $0 } }
        let end = process.wait(until: Deadline(in: .seconds(60)))
        process.kill()
        if let fault = given.wait(for: { $0.isOver ? .some($0.fault) : nil }) { throw fault }
        guard end == .exited(0), count > 0 else {
            let told = quoted(String(decoding: said, as: UTF8.self), limit: 200)
            throw FrameError(.unreadable, "\(ffmpeg.path) made no video of the frames: \(told)")
        }
        try file.commit(isFlushed: false)
    }

    private struct Given: Sendable {
        var isOver = false
        var fault: FrameError?
    }

    /// Sends frame after frame; where nobody takes them any more it ends, which the program's end tells of.
    private static func give(_ source: some FrameSource, to descriptor: CInt) -> FrameError? {
        var source = source
        var frame: Frame?
        do throws(FrameError) {
            while try source.next(into: &frame) {
                let isSent = frame?.withUnsafeBytes { bytes in
                    var done = 0
                    while done < bytes.count {
                        let count = send(
                            descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done, Int32(MSG_NOSIGNAL))
                        if count < 0, errno == EINTR { continue }
                        guard count > 0 else { return false }
                        done += count
                    }
                    return true
                }
                guard isSent == true else { break }
            }
            return nil
        } catch {
            return error
        }
    }

    private static func read(_ descriptor: CInt, _ body: ([UInt8]) throws -> Void) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Platform.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            try body(Array(buffer[..<count]))
        }
    }
}
