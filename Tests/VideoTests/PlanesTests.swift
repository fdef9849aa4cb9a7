import Frames
import Platform
import TestSupport
import Testing

@testable import Video

@Suite(
    "Planes made R G B here instead of by ffmpeg", .enabled(if: Clips.hasFFmpeg, "needs the program ffmpeg"),
    .timeLimit(.minutes(10)))
struct PlanesTests {
    /// All frames as ffmpeg converts them.
    private func converted(_ path: String, _ clips: Clips) throws -> [[UInt8]] {
        let decoder = try Decoder(
            VideoFile(path: path), clips.ffmpeg, VideoLimits(), .pixels(of: nil, isToneMapped: false))
        var frames: [[UInt8]] = []
        while case .frame(let mark) = decoder.next() {
            var bytes = [UInt8](repeating: 0, count: try #require(mark.size).byteCount)
            #expect(bytes.withUnsafeMutableBytes { decoder.fill($0) } == bytes.count)
            frames.append(bytes)
            decoder.take()
        }
        return frames
    }

    private func decoded(_ path: String, _ clips: Clips, only selection: FrameSelection? = nil) throws -> [[UInt8]] {
        let video = try VideoFrames(VideoFile(path: path), by: clips.ffmpeg, only: selection)
        var frames: [[UInt8]] = []
        var frame: Frame?
        var count = 0
        while try selection?.has(count) ?? true ? video.next(into: &frame) : video.skip(in: &frame) {
            if selection?.has(count) ?? true { try #require(frame).withUnsafeBytes { frames.append(Array($0)) } }
            count += 1
        }
        return frames
    }

    @Test(
        "the bytes are those of ffmpeg, whatever the pixels, in each coding and size",
        arguments: [
            ["-pix_fmt", "yuv420p"], ["-pix_fmt", "yuvj420p"],
            ["-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_range", "tv"],
            ["-pix_fmt", "yuv420p", "-colorspace", "bt709", "-color_range", "pc"],
            ["-pix_fmt", "yuv420p", "-colorspace", "smpte170m"], ["-pix_fmt", "yuv420p", "-colorspace", "bt2020nc"],
            ["-pix_fmt", "yuv444p"],
        ],
        [(64, 48), (16, 16), (18, 22), (130, 34), (63, 47), (14, 64)])
    func parity(coding: [String], size: (Int, Int)) throws {
        let clips = try Clips()
        var random = SeededRandom(seed: UInt64(size.0))
        // Mostly the ends of what a byte can be, where sums overflow and are cut.
        let planes = (0..<3 * size.0 * size.1 * 2).map { _ in
            let byte = UInt8(truncatingIfNeeded: random.next())
            return byte < 90 ? 0 : byte > 165 ? 255 : byte
        }
        let raw = try clips.write(planes, to: "planes.yuv")
        let input = [
            "-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", "\(size.0)x\(size.1)", "-r", "30", "-color_range", "pc",
            "-i",
            raw,
        ]
        // FFV1 has no format of its own for full range.
        let encoder = coding.contains("yuvj420p") ? ["-c:v", "mjpeg", "-q:v", "1"] : ["-c:v", "ffv1"]
        let path = try #require(try clips.scene("a.mkv", by: encoder + coding, input))
        let expected = try converted(path, clips)
        #expect(expected.count == 2)
        let isSame = try decoded(path, clips) == expected
        #expect(isSame)
    }

    @Test(
        "where colours or the format change in the middle, each frame is what ffmpeg makes of it",
        arguments: [
            ["-pix_fmt", "yuv420p", "-colorspace", "smpte170m"], ["-pix_fmt", "yuv420p", "-color_range", "pc"],
            ["-pix_fmt", "yuv444p"],
        ])
    func changing(coding: [String]) throws {
        let clips = try Clips()
        let encoder = ["-c:v", "libx264", "-g", "15", "-bsf:v", "dump_extra"]
        let scene = Clips.scene(seconds: 0.5)
        guard
            let first = try clips.scene("1.ts", by: encoder + ["-pix_fmt", "yuv420p", "-colorspace", "bt709"], scene),
            let second = try clips.scene("2.ts", by: encoder + coding, scene)
        else { return }
        let joined = try clips.write(clips.bytes(of: first) + clips.bytes(of: second), to: "joined.ts")
        let expected = try converted(joined, clips)
        #expect(expected.count == 30)
        let isSame = try decoded(joined, clips) == expected
        #expect(isSame)
        let selection = FrameSelection(every: 4, place: 1)
        let isSelected =
            try decoded(joined, clips, only: selection)
            == expected.indices.filter { selection.has($0) }.map { expected[$0] }
        #expect(isSelected)
    }
}
