import Frames
import Platform

/// A picture of a video at a moment.
public struct Thumbnail: Equatable, Sendable {
    /// A JPEG.
    public let jpeg: [UInt8]
    /// When the frame is shown that it is of, in seconds from the video's beginning.
    public let seconds: Double
}

/// Small pictures of a video at some moments, decoded and coded by ffmpeg as ``VideoFrames`` are: in the same isolation, and
/// within limits of their own.
///
/// They are upright, of the shape that a player shows, and of a usual screen's range where the video's is high.
public struct Thumbnails: Sendable {
    /// Pixels a row that one may have.
    public static let widths = 16...1_280
    /// Bytes that one may have; a JPEG of the largest has a tenth of it.
    public static let mostBytes = 8 << 20

    private let file: VideoFile
    private let ffmpeg: FFmpeg
    private let limits: VideoLimits
    private let isToneMapped: Bool

    /// What one picture may take.
    public static var limits: VideoLimits {
        var limits = VideoLimits()
        limits.processorSeconds = 10
        limits.patience = .seconds(10)
        return limits
    }

    /// Looks at the video's first frame.
    public init(of file: VideoFile, by ffmpeg: FFmpeg, limits: VideoLimits = Thumbnails.limits) throws(FrameError) {
        (self.file, self.ffmpeg, self.limits) = (file, ffmpeg, limits)
        isToneMapped = try VideoLook(file, by: ffmpeg, limits: limits).first().isToneMapped
    }

    /// The frame that comes at a moment or next after it; where none can be had, or decoding up to there takes too long, the
    /// last one before it that can be decoded by itself.
    ///
    /// - Parameters:
    ///   - seconds: from the video's beginning, as ``VideoFrames/seconds`` has it
    ///   - width: pixels a row, of which there are fewer where the video has fewer
    public func jpeg(at seconds: Double, width: Int = 320) throws(FrameError) -> Thumbnail {
        precondition(Self.widths.contains(width), "a picture's width is within bounds")
        let moment = seconds.isFinite ? min(max(seconds, 0), 1e9) : 0
        func output(isExact: Bool) -> DecoderCall.Picture {
            let lead = isExact && file.container.hasNoIndex ? min(moment, Self.lead) : 0
            return DecoderCall.Picture(
                seconds: moment, width: width, isExact: isExact, isToneMapped: isToneMapped, lead: lead)
        }
        do throws(FrameError) { return try picture(output(isExact: true)) } catch {
            guard let near = try? picture(output(isExact: false)) else { throw error }
            return near
        }
    }

    /// What frames need of those before them comes within so many seconds, in files that don't say where that is.
    private static let lead = 10.0

    private func picture(_ output: DecoderCall.Picture) throws(FrameError) -> Thumbnail {
        let decoder = try Decoder(file, ffmpeg, limits, .picture(output))
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count <= Self.mostBytes {
            let count = piece.withUnsafeMutableBytes { decoder.fill($0) }
            bytes += piece[..<count]
            guard count == piece.count else { break }
        }
        if bytes.count > Self.mostBytes { decoder.process.kill() }
        let (log, end) = decoder.finish()
        guard bytes.count <= Self.mostBytes else {
            throw FrameError(.tooLarge, "a picture of it has more than \(Self.mostBytes) bytes")
        }
        guard end == .exited(0), bytes.starts(with: [0xFF, 0xD8]), bytes.suffix(2) == [0xFF, 0xD9] else {
            throw VideoFault(ffmpeg: ffmpeg, container: file.container, limits: limits).none(log, end)
        }
        return Thumbnail(jpeg: bytes, seconds: max(0, output.start + (log.facts.times?.lowerBound ?? 0)))
    }
}
