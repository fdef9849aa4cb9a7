import Frames
import Platform
import TestSupport
import Testing

@testable import Video

@Suite(
    "Videos that ffmpeg decodes", .enabled(if: Clips.hasFFmpeg, "needs the program ffmpeg"), .timeLimit(.minutes(10)))
struct DecodingTests {
    /// All frames of a video: their sizes, bytes and times.
    private struct Decoded {
        var sizes: [String] = []
        var bytes: [[UInt8]] = []
        var times: [Double] = []
        var outcome: VideoFrames.Outcome?
    }

    private func decoded(_ path: String, _ clips: Clips, limits: VideoLimits = VideoLimits()) throws -> Decoded {
        let frames = try VideoFrames(VideoFile(path: path), by: clips.ffmpeg, limits: limits)
        var decoded = Decoded()
        var frame: Frame?
        while try frames.next(into: &frame) {
            let one = try #require(frame)
            decoded.sizes.append("\(one.width)x\(one.height)")
            one.withUnsafeBytes { decoded.bytes.append(Array($0)) }
            decoded.times.append(try #require(frames.seconds))
        }
        decoded.outcome = frames.outcome
        return decoded
    }

    private func fault(_ path: String, _ clips: Clips, limits: VideoLimits = VideoLimits()) -> FrameError? {
        failure(of: FrameError.self) { _ = try decoded(path, clips, limits: limits) }
    }

    /// Frames of random pixels, in which each bit counts.
    private func noise(_ count: Int, _ width: Int, _ height: Int) -> [[UInt8]] {
        var random = SeededRandom(seed: 24)
        return (0..<count).map { _ in
            (0..<width * height * 3).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        }
    }

    @Test(
        "lossless R G B comes back byte for byte",
        arguments: [
            ("ffv1.mkv", ["-c:v", "ffv1", "-pix_fmt", "bgr0"]), ("planes.avi", ["-c:v", "ffv1", "-pix_fmt", "gbrp"]),
            ("h264.mp4", ["-c:v", "libx264rgb", "-qp", "0"]),
            ("raw.avi", ["-c:v", "rawvideo", "-pix_fmt", "bgr24"]),
            ("raw.mov", ["-c:v", "rawvideo", "-pix_fmt", "rgb24"]),
            ("alpha.avi", ["-c:v", "rawvideo", "-pix_fmt", "bgra"]),
        ])
    func lossless(name: String, encoder: [String]) throws {
        let clips = try Clips()
        let pixels = noise(20, 62, 47)
        let raw = try clips.write(pixels.flatMap(\.self), to: "pixels.rgb")
        let input = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", "62x47", "-r", "30", "-i", raw]
        guard let path = try clips.scene(name, by: encoder, input) else { return }
        let found = try decoded(path, clips)
        #expect(found.bytes == pixels)
        #expect(found.outcome?.isTruncated == false && found.outcome?.warnings == [])
    }

    @Test(
        "containers and codecs: so many frames, each at its time",
        arguments: [
            ("a.mp4", ["libx264"]), ("a.mov", ["libx264"]), ("a.mkv", ["libx264"]), ("a.ts", ["libx264"]),
            ("fragments.mp4", ["libx264", "-movflags", "frag_keyframe+empty_moov"]),
            ("a.avi", ["libx264", "-bf", "0"]), ("b.mp4", ["libx265", "-x265-params", "log-level=0"]),
            ("a.webm", ["libvpx"]), ("b.webm", ["libvpx-vp9", "-cpu-used", "8"]),
            ("c.mp4", ["libaom-av1", "-cpu-used", "8"]), ("b.avi", ["mpeg4"]), ("c.avi", ["mjpeg"]),
            ("b.mkv", ["ffv1"]),
            ("b.mov", ["prores_ks"]), ("d.avi", ["rawvideo"]), ("a.ogv", ["libtheora", "-q:v", "10", "-g", "1"]),
            ("b.ts", ["mpeg2video"]), ("a.mpg", ["mpeg1video"]), ("b.mpg", ["mpeg2video"]),
            ("ten.mkv", ["libx264", "-pix_fmt", "yuv420p10le"]),
        ])
    func kinds(name: String, encoder: [String]) throws {
        let clips = try Clips()
        guard let path = try clips.scene(name, by: ["-c:v"] + encoder) else { return }
        let found = try decoded(path, clips)
        #expect(found.sizes == [String](repeating: "64x48", count: 30))
        #expect(found.times.enumerated().allSatisfy { abs($1 - Double($0) / 30) < 0.0011 }, "\(found.times)")
        #expect(found.outcome?.facts.rate.map { abs($0 - 30) < 0.01 } == true)
        #expect(found.outcome?.isTruncated == false && found.outcome?.facts.faults == 0)
    }

    @Test("0 frames that are there, 1, 15, 16 and 17", arguments: [1, 15, 16, 17])
    func counts(frames: Int) throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.mkv", by: ["-c:v", "ffv1", "-frames:v", "\(frames)"]))
        #expect(try decoded(path, clips).bytes.count == frames)
    }

    @Test("a picture that moves is a video, with its own times")
    func gif() throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.gif", by: [], Clips.scene(rate: 10)))
        let found = try decoded(path, clips)
        #expect(found.times.count == 10 && found.times.last.map { abs($0 - 0.9) < 0.001 } == true)
    }

    @Test("sides of any length, not only even ones")
    func oddSides() throws {
        let clips = try Clips()
        let path = try #require(
            try clips.scene("a.mkv", by: ["-vf", "crop=31:17:exact=1", "-c:v", "ffv1", "-pix_fmt", "yuv444p"]))
        #expect(Set(try decoded(path, clips).sizes) == ["31x17"])
    }

    @Test("a turned video comes upright; pixels that are not square stay as they are")
    func shapes() throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.mp4", by: ["-c:v", "libx264"]))
        guard try clips.make("turned.mp4", ["-i", path, "-c", "copy", "-metadata:s:v", "rotate=90"]) else { return }
        let turned = try decoded(clips.path("turned.mp4"), clips)
        // Newer releases write the turn in another way.
        if turned.outcome?.facts.rotation != nil { #expect(Set(turned.sizes) == ["48x64"]) }
        let wide = try #require(try clips.scene("wide.mp4", by: ["-vf", "setsar=2", "-c:v", "libx264"]))
        #expect(Set(try decoded(wide, clips).sizes) == ["64x48"])
    }

    @Test("a change of size in the middle is seen: each frame comes as it is")
    func changingSize() throws {
        let clips = try Clips()
        let first = try #require(try clips.scene("1.ts", by: ["-c:v", "libx264"], Clips.scene(seconds: 0.5)))
        let second = try #require(try clips.scene("2.ts", by: ["-c:v", "libx264"], Clips.scene("96x80", seconds: 0.5)))
        let joined = try clips.write(clips.bytes(of: first) + clips.bytes(of: second), to: "joined.ts")
        let found = try decoded(joined, clips)
        #expect(found.sizes == [String](repeating: "64x48", count: 15) + [String](repeating: "96x80", count: 15))
        #expect(zip(found.times, found.times.dropFirst()).allSatisfy { $0 < $1 })
    }

    @Test("frames of which only some are wanted are the same ones, also where the size changes in the middle")
    func selected() throws {
        let clips = try Clips()
        let first = try #require(try clips.scene("1.ts", by: ["-c:v", "libx264"], Clips.scene(seconds: 0.5)))
        let second = try #require(try clips.scene("2.ts", by: ["-c:v", "libx264"], Clips.scene("96x80", seconds: 0.5)))
        let joined = try clips.write(clips.bytes(of: first) + clips.bytes(of: second), to: "joined.ts")
        for path in [first, joined] {
            let all = try decoded(path, clips)
            let selection = FrameSelection(every: 4, place: 2)
            let frames = try VideoFrames(VideoFile(path: path), by: clips.ffmpeg, only: selection)
            var found: [[UInt8]] = []
            var times: [Double] = []
            var frame: Frame?
            while try selection.has(times.count) ? frames.next(into: &frame) : frames.skip(in: &frame) {
                if selection.has(times.count) { try #require(frame).withUnsafeBytes { found.append(Array($0)) } }
                times.append(try #require(frames.seconds))
            }
            #expect(times == all.times)
            #expect(found == all.bytes.indices.filter { selection.has($0) }.map { all.bytes[$0] })
            #expect(frames.outcome?.facts.frames == all.outcome?.facts.frames)
        }
    }

    @Test("more frames are told of than anybody keeps in mind, and each comes all the same")
    func crowd() throws {
        let clips = try Clips()
        let count = 6_000
        let pixels = try clips.write([UInt8](repeating: 7, count: count), to: "pixels.grey")
        let input = ["-f", "rawvideo", "-pix_fmt", "gray", "-s", "1x1", "-r", "30", "-i", pixels]
        let path = try #require(try clips.scene("a.avi", by: ["-c:v", "rawvideo", "-pix_fmt", "bgr24"], input))
        var limits = VideoLimits()
        (limits.patience, limits.marks) = (.seconds(300), 1_024)
        let selection = FrameSelection(every: 64, place: 0)
        let idle = try Decoder(
            VideoFile(path: path), clips.ffmpeg, limits, .pixels(of: selection, isToneMapped: false))
        while idle.log.marks.count <= 1_024, idle.process.wait(until: Deadline(in: .milliseconds(100))) == nil {}
        #expect(idle.process.wait(until: Deadline(in: .milliseconds(500))) == nil, "it waits for somebody to take them")
        #expect((1_025..<2_500).contains(idle.log.marks.count))
        idle.process.kill()
        let frames = try VideoFrames(VideoFile(path: path), by: clips.ffmpeg, only: selection, limits: limits)
        var frame: Frame?
        var seen = 0
        while try selection.has(seen) ? frames.next(into: &frame) : frames.skip(in: &frame) { seen += 1 }
        #expect(seen == count && frames.outcome?.isTruncated == false)
    }

    @Test("unequal times are told, and are what they are")
    func variableRate() throws {
        let clips = try Clips()
        let select = ["-vf", "select=not(mod(n\\,5))+lt(n\\,6)", "-vsync", "vfr", "-c:v", "ffv1"]
        guard let path = try clips.scene("a.mkv", by: select) else { return }
        let found = try decoded(path, clips)
        let expected = [0, 1, 2, 3, 4, 5, 10, 15, 20, 25].map { Double($0) / 30 }
        #expect(found.times.count == 10 && zip(found.times, expected).allSatisfy { abs($0 - $1) < 0.0011 })
        #expect(found.outcome?.warnings.contains { $0.contains("--cadence time") } == true)
    }

    @Test("what is interlaced or of high dynamic range is decoded with a warning")
    func unusual() throws {
        let clips = try Clips()
        if let path = try clips.scene("a.ts", by: ["-c:v", "mpeg2video", "-flags", "+ilme+ildct"]) {
            let found = try decoded(path, clips)
            #expect(found.bytes.count == 30 && found.outcome?.warnings.contains { $0.contains("interlaced") } == true)
        }
        let colours = [
            "-pix_fmt", "yuv420p10le", "-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace",
            "bt2020nc",
        ]
        if let path = try clips.scene("a.mkv", by: ["-c:v", "libx265", "-x265-params", "log-level=0"] + colours) {
            let found = try decoded(path, clips)
            #expect(
                found.bytes.count == 30 && found.outcome?.warnings.contains { $0.contains("dynamic range") } == true)
        }
    }

    @Test("sound alone, a codec that is on no list, and one without its index are refused in plain words")
    func refusals() throws {
        let clips = try Clips()
        let sound = ["-f", "lavfi", "-i", "sine=duration=1", "-c:a", "aac"]
        if try clips.make("a.mp4", sound) {
            #expect(fault(clips.path("a.mp4"), clips)?.reason.contains("only sound") == true)
        }
        if let path = try clips.scene("a.avi", by: ["-c:v", "wmv2"]) {
            #expect(fault(path, clips)?.reason.contains("its video is wmv2, which is not decoded here") == true)
        }
        let both = ["-f", "lavfi", "-i", "sine=duration=1", "-c:v", "wmv2", "-c:a", "libmp3lame"]
        if let path = try clips.scene("both.avi", by: both) {
            #expect(fault(path, clips)?.reason.contains("its video is wmv2, which is not decoded here") == true)
        }
        let whole = try #require(try clips.scene("b.mp4", by: ["-c:v", "mpeg4"]))
        let bytes = try clips.bytes(of: whole)
        let cut = try clips.write(Array(bytes.prefix(bytes.count / 2)), to: "cut.mp4")
        #expect(
            fault(cut, clips)
                == FrameError(
                    .truncated, "its index (moov) is missing: the recording or the copy did not come to its end"))
    }

    @Test("a video beside sound is decoded, and the sound is no fault of it")
    func withSound() throws {
        let clips = try Clips()
        guard
            try clips.make(
                "a.mp4", Clips.scene() + ["-f", "lavfi", "-i", "sine=duration=1", "-c:v", "libx264", "-c:a", "aac"])
        else { return }
        let found = try decoded(clips.path("a.mp4"), clips)
        #expect(found.bytes.count == 30 && found.outcome?.isTruncated == false)
    }

    @Test("one that ends early or is damaged gives what can be decoded, and says so")
    func damaged() throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.mkv", by: ["-c:v", "ffv1"]))
        let bytes = try clips.bytes(of: path)
        let cut = try clips.write(Array(bytes.prefix(bytes.count * 2 / 3)), to: "cut.mkv")
        let found = try decoded(cut, clips)
        #expect((10..<25).contains(found.bytes.count) && found.outcome?.isTruncated == true)
        #expect(found.outcome?.warnings.first?.contains("frames could be decoded") == true)
        var random = SeededRandom(seed: 7)
        for _ in 0..<6 {
            var flipped = bytes
            for _ in 0..<20 { flipped[Int(random.next() % UInt64(bytes.count))] ^= UInt8(1 << (random.next() % 8)) }
            let path = try clips.write(flipped, to: "flipped.mkv")
            do {
                #expect(try decoded(path, clips).bytes.count <= 60)
            } catch let error as FrameError {
                #expect(!error.reason.isEmpty)
            }
        }
    }

    @Test("frames of more pixels than are taken are refused before there is memory for them")
    func bombs() throws {
        let clips = try Clips()
        guard let path = try clips.scene("a.mkv", by: ["-c:v", "mjpeg"], Clips.scene("640x480", rate: 1)) else {
            return
        }
        var limits = VideoLimits()
        limits.pixels = 640 * 480 - 1
        #expect(
            fault(path, clips, limits: limits)
                == FrameError(.tooLarge, "its frames are larger than the 307199 pixels that are decoded"))
    }

    @Test("more frames than are taken are left, which is said")
    func longest() throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.mkv", by: ["-c:v", "ffv1"]))
        var limits = VideoLimits()
        limits.frames = 7
        let found = try decoded(path, clips, limits: limits)
        #expect(found.bytes.count == 7 && found.outcome?.isTruncated == true)
        #expect(found.outcome?.warnings.first == "only its first 7 frames were taken")
    }

    @Test("whoever lets go of frames in the middle leaves no process behind")
    func released() throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.mkv", by: ["-c:v", "ffv1"], Clips.scene("640x480", seconds: 5)))
        var frames: VideoFrames? = try VideoFrames(VideoFile(path: path), by: clips.ffmpeg)
        var frame: Frame?
        #expect(try frames?.next(into: &frame) == true)
        let pid = try #require(frames?.pid)
        #expect(kill(pid, 0) == 0)
        frames = nil
        let deadline = Deadline(in: .seconds(120))
        while kill(pid, 0) == 0, deadline.milliseconds > 0 { sched_yield() }
        #expect(kill(pid, 0) == -1)
    }

    @Test("a decoder that is asked to end goes on; one that is killed is told apart from what a video does to it")
    func ended() throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.mkv", by: ["-c:v", "ffv1"], Clips.scene("640x480", seconds: 5)))
        func outcome(after signals: [CInt]) throws -> VideoFrames.Outcome? {
            let frames = try VideoFrames(VideoFile(path: path), by: clips.ffmpeg)
            var frame: Frame?
            #expect(try frames.next(into: &frame))
            let pid = try #require(frames.pid)
            for signal in signals { #expect(kill(-pid, signal) == 0) }
            while try frames.next(into: &frame) {}
            return frames.outcome
        }
        let asked = try outcome(after: [SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        #expect(asked?.cut == nil && asked?.facts.frames == 150 && asked?.isInterrupted == false)
        let killed = try outcome(after: [SIGKILL])
        #expect(killed?.cut == .end && killed?.isInterrupted == true)
    }

    @Test("a look at all frames tells what decoding them tells")
    func looks() throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("a.mp4", by: ["-c:v", "libx264"]))
        let file = try VideoFile(path: path)
        let looked = try VideoLook(file, by: clips.ffmpeg).all()
        #expect(looked == (try decoded(path, clips).outcome))
        #expect(looked.facts.codec == "h264" && looked.facts.frames == 30 && looked.facts.expectedFrames == 30)
    }

    @Test(
        "names mean nothing: no option, no pattern, no protocol",
        arguments: ["-i.mp4", "%d.mp4", "new\nline.mp4", "concat:a|b.mp4", "http:a.mp4"])
    func names(name: String) throws {
        let clips = try Clips()
        let path = try #require(try clips.scene("plain.mp4", by: ["-c:v", "mpeg4"]))
        let odd = try clips.write(clips.bytes(of: path), to: name)
        #expect(try decoded(odd, clips).bytes.count == 30)
    }
}
