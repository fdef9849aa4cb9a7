import Frames
import Platform
import TestSupport
import Testing

@testable import Video

@Suite("What ffmpeg says of a video")
struct LogTests {
    private func log(_ lines: [String], keepsMarks: Bool = true) -> VideoLog {
        var log = VideoLog(mark: "m4rk", keepsMarks: keepsMarks)
        for line in lines { log.take(line) }
        return log
    }

    private let head = [
        "[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:/proc/self/fd/0':",
        "[info]   Duration: 00:01:02.50, start: 0.000000, bitrate: 29 kb/s",
        "[info]   Stream #0:0[0x1](und): Video: h264 (High), yuv420p(progressive), 64x48, 30 fps, 30 tbr, 15360 tbn",
        "[info]       displaymatrix: rotation of -90.00 degrees",
        "[info] Stream mapping:",
        "[info]   Stream #0:0 -> #0:0 (h264 (native) -> rawvideo (native))",
        "[showinfo@m4rk @ 0x55] [info] config in time_base: 1/15360, frame_rate: 30/1",
        "[info] Output #0, rawvideo, to 'pipe:1':",
        "[info]       displaymatrix: rotation of -0.00 degrees",
    ]

    private func shown(_ number: Int, _ ticks: String, _ size: String = "64x48", mark: String = "m4rk") -> String {
        "[showinfo@\(mark) @ 0x55] [info] n:   \(number) pts: \(ticks) pts_time:0.1     pos:       48 fmt:yuv420p sar:1/1 "
            + "s:\(size) i:P iskey:1 type:I "
    }

    @Test("header, mapping and filter tell what the video is")
    func facts() {
        let facts = log(head).facts
        #expect(facts.codec == "h264" && facts.duration == 62.5 && facts.rate == 30 && facts.rotation == -90)
        #expect(facts.expectedFrames == 1_875 && facts.frames == 0)
    }

    @Test("each frame has its size, and its time by ticks and time base")
    func marks() {
        let found = log(head + [shown(0, "0"), shown(1, "512"), shown(2, "1024", "96x80"), shown(3, "NOPTS")])
        #expect(found.marks.map { $0.size?.description } == ["64x48", "64x48", "96x80", "64x48"])
        #expect(found.marks.map(\.seconds) == [0, 512.0 / 15_360, 1_024.0 / 15_360, nil])
        #expect(found.facts.frames == 4 && found.facts.brokenTimes == 1 && found.facts.pixelFormat == "yuv420p")
        #expect(found.facts.sizes.map(\.description) == ["64x48", "96x80"])
    }

    @Test("at the end it says what it took of processors")
    func work() {
        #expect(log(["[info] bench: utime=1.250s stime=0.125s rtime=9.5s"]).processorSeconds == 1.375)
        for line in [
            "utime=s stime=1s", "utime=1s", "utime=-1s stime=0s", "utime=infs stime=0s", "utime=nans stime=0s",
        ] {
            #expect(log(["[info] bench: " + line]).processorSeconds == nil, "\(line)")
        }
    }

    @Test("a line that only looks like one of a frame is none: nobody can foretell the mark")
    func forged() {
        let found = log(head + [shown(0, "0", mark: "other"), "[info] " + shown(0, "0"), "x" + shown(0, "0")])
        #expect(found.marks.isEmpty && found.facts.frames == 0)
    }

    @Test("a frame whose size is none has none", arguments: ["0x48", "64x", "99999x1", "64", "x", "64x48x2", "-1x4"])
    func sizes(size: String) {
        #expect(log(head + [shown(0, "0", size)]).marks == [VideoLog.Mark(size: nil, seconds: 0, number: 0)])
    }

    @Test("times that go back are counted, and the rest makes the steps")
    func broken() {
        let facts = log(head + [shown(0, "0"), shown(1, "512"), shown(2, "100"), shown(3, "2048")]).facts
        #expect(facts.brokenTimes == 1 && facts.isVariable)
        #expect(facts.times == 0...2_048.0 / 15_360)
        #expect(!log(head + [shown(0, "0"), shown(1, "512"), shown(2, "1024")]).facts.isVariable)
    }

    @Test("errors are kept, at most so many; codecs on no list are told apart")
    func faults() {
        let refusal = "[aac @ 0x1] [error] Codec (aac) not on whitelist 'h264,hevc'"
        let found = log([refusal, refusal] + (0..<40).map { "[mjpeg @ 0x2] [IMGUTILS @ 0x3] [error] fault \($0)" })
        #expect(found.refused == ["aac"])
        #expect(
            found.facts.faults == 40 && found.faults.count == VideoLog.mostFaults && found.faults.last == "fault 39")
    }

    @Test(
        "what was refused last is the last one: the video's codec, which is asked for before the sound's and after it")
    func refusals() {
        let found = log(
            ["wmv2", "aac", "aac", "wmv2"].map { "[\($0) @ 0x1] [error] Codec (\($0)) not on whitelist 'h264'" })
        #expect(found.refused == ["aac", "wmv2"])
        let many = log((0..<100).map { "[x @ 0x1] [error] Codec (c\($0)) not on whitelist 'h264'" })
        #expect(many.refused.count == VideoLog.mostFaults && many.refused.last == "c99")
    }

    @Test("marks are taken in their order, however many there are")
    func taken() {
        var found = log(head)
        for number in 0..<5_000 { found.take(shown(number, "\(number)")) }
        for number in 0..<5_000 {
            #expect(found.marks.first?.number == number && found.marks.count == 5_000 - number)
            found.takeMark()
        }
        found.takeMark()
        #expect(found.marks.isEmpty)
    }

    @Test("any bytes at all change nothing but what is counted")
    func nonsense() {
        let lines =
            ["", "[", "]", "[ @ 0x", "[info]", "[info] ", "[showinfo@m4rk @ ", "[showinfo@m4rk @ 0x1] [info] n:"]
            + ["[showinfo@m4rk @ 0x1] [info] config in time_base: 1/0, frame_rate: 0/0"]
            + ["[info]   Stream #0:9 -> #0:0 (", "[info]   Duration: N/A, start", "[info]   Duration: 99999999:1:1,"]
        let found = log(lines + lines.map { head[0] + $0 })
        #expect(found.marks.isEmpty && found.facts == VideoFacts())
    }

    @Test("transfers of high dynamic range are known by their names")
    func colours() {
        let line = "[showinfo@m4rk @ 0x55] [info] color_range:tv color_space:bt2020nc color_primaries:bt2020 color_trc:"
        #expect(log(head + [line + "smpte2084"]).facts.isHDR && log(head + [line + "arib-std-b67"]).facts.isHDR)
        #expect(!log(head + [line + "bt709"]).facts.isHDR && log(head + [line + "unknown"]).facts.transfer == nil)
    }

    @Test("the file's rate is meant where what was measured is as good as the same")
    func rates() {
        let facts = log(head).facts
        #expect(facts.settled(29.99) == 30 && facts.settled(25) == 25)
    }
}

@Suite("How ffmpeg is found and called")
struct CallTests {
    private let ffmpeg = { (version: String) in FFmpeg(path: "/usr/bin/ffmpeg", version: version, isolation: .filter) }

    private func arguments(_ output: DecoderCall.Output, version: String = "5.1.9-0+deb12u1") -> [String] {
        DecoderCall(
            ffmpeg: ffmpeg(version), container: .mov, limits: VideoLimits(), mark: "m4rk", output: output
        ).arguments
    }

    @Test("a version is what stands behind the name, and its release the first two numbers")
    func versions() {
        #expect(FFmpeg.version(in: "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000") == "5.1.9-0+deb12u1")
        #expect(FFmpeg.version(in: "grep (GNU grep) 3.8\n") == nil && FFmpeg.version(in: "ffmpeg version ") == nil)
        #expect(FFmpeg.release("5.1.9-0+deb12u1").map { [$0.major, $0.minor] } == [5, 1])
        #expect(FFmpeg.release("n7.0").map { [$0.major, $0.minor] } == [7, 0])
        #expect(FFmpeg.release("N-1234-g0abc") == nil)
    }

    @Test("what leaves frames as they come has had two names")
    func passThrough() {
        #expect(arguments(.pixels(of: nil, isToneMapped: false)).contains("-fps_mode"))
        #expect(arguments(.pixels(of: nil, isToneMapped: false), version: "N-1234-g0abc").contains("-fps_mode"))
        #expect(arguments(.pixels(of: nil, isToneMapped: false), version: "4.4.2-0ubuntu0.22.04.1").contains("-vsync"))
    }

    @Test("the call holds nothing of the file, and lists say what it may open and run")
    func call() throws {
        let all = arguments(.pixels(of: nil, isToneMapped: false))
        func value(_ name: String) -> String? { all.firstIndex(of: name).map { all[$0 + 1] } }
        #expect(value("-i") == "file:/proc/self/fd/0" && value("-protocol_whitelist") == "file")
        #expect(value("-format_whitelist") == "mov" && value("-f") == "mov")
        #expect(value("-max_pixels") == "35651584" && value("-map") == "0:V:0")
        let decoders = try #require(value("-codec_whitelist")).pieces(between: UInt8(ascii: ",")).map(String.init)
        #expect(decoders == DecoderCall.decoders)
        let input = try #require(all.firstIndex(of: "-i"))
        for option in ["-protocol_whitelist", "-format_whitelist", "-codec_whitelist", "-max_pixels"] {
            #expect(all.firstIndex(of: option).map { $0 < input } == true, "\(option) is of the input")
        }
    }

    @Test("frames that are not wanted are told of, and left before they are converted")
    func selections() throws {
        let all = arguments(.pixels(of: FrameSelection(every: 16, place: 8), isToneMapped: false))
        let filters = try #require(all.firstIndex(of: "-vf").map { all[$0 + 1] })
        #expect(filters.begins(with: "showinfo@m4rk=checksum=0,select=eq(mod(n\\,16)\\,8),scale="))
    }

    @Test("within bubblewrap it sees programs and libraries, to be read alone, and no network")
    func walls() throws {
        guard let command = Isolation.bubblewrap.command("/opt/ff/ffmpeg", ["-x"], VideoLimits()) else { return }
        let all = command.arguments
        #expect(all.contains("--unshare-all") && all.contains("--die-with-parent") && !all.contains("--bind"))
        #expect(all.contains("--remount-ro") && command.isFiltered)
        #expect(Array(all.suffix(3)) == ["--", "/opt/ff/ffmpeg", "-x"])
    }

    @Test("what gives nothing was ended, which is said, and not that the file is damaged")
    func silence() throws {
        let folder = try ScratchFolder()
        let program = try folder.write(Array("#!/bin/sh\nexec sleep 600\n".utf8), to: "ffmpeg").path
        #expect(chmod(program, 0o700) == 0)
        let video = try folder.write([0, 0, 0, 32] + Array("ftypisom".utf8), to: "a.mp4").path
        var limits = VideoLimits()
        limits.patience = .seconds(1)
        let ffmpeg = FFmpeg(path: program, version: "5.1", isolation: .limits)
        let expected = FrameError(.malformed, "ffmpeg gave nothing for 1 seconds and was ended")
        let file = try VideoFile(path: video)
        #expect(failure(of: FrameError.self) { _ = try VideoFrames(file, by: ffmpeg, limits: limits) } == expected)
        #expect(failure(of: FrameError.self) { _ = try VideoLook(file, by: ffmpeg, limits: limits).all() } == expected)
    }

    @Test("what is no program, or no ffmpeg, is refused by its name")
    func wrongPrograms() {
        for path in ["/nowhere/ffmpeg", "/etc", "/bin/true"] {
            let error = #expect(throws: FFmpegError.self) { try FFmpeg.find(path) }
            #expect(error?.description.contains(path) == true)
        }
    }
}

@Suite("What was wrong with a video")
struct FaultTests {
    @Test("of what ffmpeg said what was wrong is told, not how it ended")
    func told() {
        var log = VideoLog(mark: "m4rk", keepsMarks: false)
        for line in [
            "[mov,mp4 @ 0x55c60d1e1900] [error] stream 0, offset 0x2a00: partial file",
            "[error] Cannot determine format of input stream 0:0 after EOF",
            "[fatal] Error marking filters as finished",
        ] { log.take(line) }
        let ffmpeg = FFmpeg(path: "/usr/bin/ffmpeg", version: "5.1", isolation: .limits)
        let fault = VideoFault(ffmpeg: ffmpeg, container: .mov, limits: VideoLimits()).none(log, .exited(1))
        #expect(fault.reason.hasSuffix("(ffmpeg: stream 0, offset 0x2a00: partial file)"), "\(fault.reason)")
    }
}

@Suite("Files of videos, by their first bytes")
struct ContainerTests {
    private func container(_ bytes: [UInt8]) -> VideoContainer? { VideoContainer(front: bytes) }
    private func packets(_ step: Int, from start: Int = 0) -> [UInt8] {
        (0..<1_024).map { $0 >= start && ($0 - start).isMultiple(of: step) ? 0x47 : 0xFF }
    }

    @Test("each kind is known by its mark")
    func kinds() {
        #expect(container([0, 0, 0, 32] + "ftypisom".utf8) == .mov && container([0, 0, 0, 8] + "wide".utf8) == .mov)
        #expect(container([0x1A, 0x45, 0xDF, 0xA3, 1]) == .matroska)
        #expect(
            container("RIFF____AVI LIST".utf8.map { $0 }) == .avi && container("RIFF____WAVE".utf8.map { $0 }) == nil)
        #expect(container("OggS".utf8.map { $0 }) == .ogg && container("GIF89a".utf8.map { $0 }) == .gif)
        #expect(container(packets(188)) == .mpegts && container(packets(192, from: 4)) == .mpegts)
        #expect(container([0, 0, 1, 0xBA, 0x44]) == .mpeg && container([0, 0, 1, 0xB3, 0x44]) == nil)
    }

    @Test(
        "playlists, scripts, texts and pictures are no videos, whatever they are called",
        arguments: [
            "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n", "ffconcat version 1.0\nfile '/etc/passwd'\n",
            "<?xml version=\"1.0\"?><MPD>",
            "[playlist]\nFile1=http://127.0.0.1/\n", "v=0\no=- 0 0 IN IP4 127.0.0.1\n", "\u{89}PNG\r\n", "", "G",
            "plain text\n",
        ])
    func others(text: String) {
        #expect(container(Array(text.utf8)) == nil)
    }

    @Test("a transport stream is two packets or more, or one alone: not any file with a G in front")
    func packets() {
        #expect(
            container(Array(packets(188).prefix(188))) == .mpegts
                && container(Array(packets(188).prefix(376))) == .mpegts)
        #expect(container(Array(packets(192, from: 4).prefix(384))) == .mpegts)
        #expect(container(Array(packets(188).prefix(187))) == nil && container(Array(packets(188).prefix(300))) == nil)
        #expect(container([0x47] + [UInt8](repeating: 0x61, count: 299)) == nil)
    }

    @Test("images in MP4's form are no videos")
    func images() {
        #expect(
            container([0, 0, 0, 32] + "ftypavif".utf8) == nil && container([0, 0, 0, 24] + "ftypheic".utf8) == nil)
    }

    @Test("what is no file is none of a video, and nobody waits for it")
    func irregular() throws {
        let folder = try ScratchFolder()
        let pipe = folder.path + "/pipe.mp4"
        #expect(mkfifo(pipe, 0o600) == 0)
        for path in [pipe, folder.path, "/dev/zero", folder.path + "/missing.mp4"] {
            #expect(VideoFile.container(of: path) == nil)
            #expect(failure(of: FrameError.self) { _ = try VideoFile(path: path) }?.kind == .unreadable)
        }
    }

    @Test("names tell what is to be looked at in a folder")
    func names() {
        #expect(
            VideoFile.refusal([0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]).reason.contains(
                "(WMV): expected a video")
        )
        #expect(
            VideoFile.refusal([0x30, 0x26, 0xB2, 0x75, 0x8E, 0x66, 0xCF, 0x11]).reason.contains("FILE.mp4 makes one"))
        #expect(container(Array("FLV".utf8) + [1, 1, 0, 0, 0, 9]) == .flv && container(Array("FLV".utf8) + [2]) == nil)
        #expect(["a.mp4", "b.MKV", "k.flv", "c.d.avi", "x/y.ogv", "d.MPG"].allSatisfy { VideoContainer.isNamed($0) })
        #expect(!["mp4", "a.mp3", "a.npy", "a", "a.mp4.part"].contains { VideoContainer.isNamed($0) })
    }
}
