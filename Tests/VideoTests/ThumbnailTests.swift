import Frames
import Platform
import TestSupport
import Testing

@testable import Video

@Suite("Pictures of a video", .enabled(if: Clips.hasFFmpeg, "needs the program ffmpeg"), .timeLimit(.minutes(5)))
struct ThumbnailTests {
    private let clips: Clips

    init() throws { clips = try Clips() }

    /// Of four seconds, each 50 brighter than the one before, with one frame alone that needs no other one.
    private func shades(
        _ name: String = "shades.mp4", by encoder: [String] = ["-c:v", "mpeg4", "-q:v", "2", "-g", "300"]
    ) throws
        -> String
    {
        let scene = "color=black:size=64x48:rate=30:duration=4,geq=lum='16+50*floor(T)':cb=128:cr=128"
        return try #require(try clips.scene(name, by: encoder, ["-f", "lavfi", "-i", scene]))
    }

    private func pictures(of path: String) throws -> Thumbnails {
        try Thumbnails(of: VideoFile(path: path), by: clips.ffmpeg)
    }

    /// A picture's size, and how bright it is.
    private func seen(_ picture: Thumbnail) throws -> (size: String, mean: Double) {
        let jpeg = try clips.write(picture.jpeg, to: "picture.jpg")
        guard try clips.make("back.mkv", ["-i", jpeg, "-c:v", "ffv1", "-pix_fmt", "bgr0"]) else { return ("", 0) }
        let frames = try VideoFrames(VideoFile(path: clips.path("back.mkv")), by: clips.ffmpeg)
        var frame: Frame?
        _ = try frames.next(into: &frame)
        let one = try #require(frame)
        return (
            "\(one.width)x\(one.height)",
            one.withUnsafeBytes { Double($0.reduce(0) { $0 + Int($1) }) / Double($0.count) }
        )
    }

    @Test("one is of the moment that is asked for, wherever a decoder could begin", arguments: [0, 0.5, 1.5, 2.5, 3.9])
    func moments(seconds: Double) throws {
        let picture = try pictures(of: shades()).jpeg(at: seconds)
        let found = try seen(picture)
        #expect(found.size == "64x48")
        #expect(abs(found.mean - 50 * seconds.rounded(.down) * 255 / 219) < 8, "\(found.mean)")
        #expect(abs(picture.seconds - seconds) < 0.04, "\(picture.seconds)")
    }

    @Test("behind the last frame there is the last one that needs no other", arguments: [4, 5, 1e12, .infinity])
    func end(seconds: Double) throws {
        let picture = try pictures(of: shades(by: ["-c:v", "mjpeg"])).jpeg(at: seconds)
        let found = try seen(picture)
        let first = seconds == .infinity ? 0.0 : 3.0
        #expect(
            abs(found.mean - 50 * first * 255 / 219) < 8 && picture.seconds < 4, "\(found.mean) at \(picture.seconds)")
    }

    @Test("as wide as is asked for, and never wider than the video")
    func widths() throws {
        let path = try #require(try clips.scene("a.mkv", by: ["-c:v", "ffv1"], Clips.scene("640x360")))
        let pictures = try pictures(of: path)
        #expect(try seen(pictures.jpeg(at: 0.5)).size == "320x180")
        #expect(try seen(pictures.jpeg(at: 0.5, width: 160)).size == "160x90")
        #expect(try seen(pictures.jpeg(at: 0.5, width: 1_280)).size == "640x360")
    }

    @Test(
        "of the shape that a player shows, within bounds whatever a file claims",
        arguments: [("2", "128x48"), ("1/2", "32x48"), ("3/2", "96x48"), ("1/30000", "8x48"), ("30000", "320x30")])
    func shapes(aspect: String, size: String) throws {
        let path = try #require(try clips.scene("a.mkv", by: ["-vf", "setsar=\(aspect):30000", "-c:v", "ffv1"]))
        #expect(try seen(pictures(of: path).jpeg(at: 0.5)).size == size)
    }

    @Test("upright")
    func turned() throws {
        let path = try #require(try clips.scene("a.mp4", by: ["-c:v", "mpeg4"]))
        guard try clips.make("turned.mp4", ["-i", path, "-c", "copy", "-metadata:s:v", "rotate=90"]),
            try VideoLook(VideoFile(path: clips.path("turned.mp4")), by: clips.ffmpeg).first().facts.rotation != nil
        else { return }
        #expect(try seen(pictures(of: clips.path("turned.mp4")).jpeg(at: 0.5)).size == "48x64")
    }

    @Test("each container is looked for the moment in", arguments: ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.mpg"])
    func containers(name: String) throws {
        let encoder = name == "a.mpg" ? ["-c:v", "mpeg2video", "-q:v", "2"] : ["-c:v", "mpeg4", "-q:v", "2"]
        let found = try seen(pictures(of: shades(name, by: encoder)).jpeg(at: 2.5))
        #expect(abs(found.mean - 100 * 255 / 219) < 8, "\(found.mean)")
    }

    @Test("of a video without a frame there is none, which is told in words")
    func none() throws {
        let path = try clips.write([0, 0, 0, 32] + Array("ftypisom".utf8), to: "a.mp4")
        #expect(failure(of: FrameError.self) { _ = try pictures(of: path) } != nil)
    }
}
