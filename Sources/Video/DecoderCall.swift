import Frames
import Platform

/// How ffmpeg is called: a list of arguments that no file has a part in. The file is its standard input, which it opens again
/// as what it is, to read in it where it has to.
struct DecoderCall {
    /// What is wanted of it.
    enum Output: Equatable {
        /// Pixels, R G B by rows: of every frame, or of some.
        case pixels(of: FrameSelection?, isToneMapped: Bool)
        /// The same frames as they are decoded, in planes of this format.
        case planes(of: FrameSelection?, PlaneFormat)
        /// What is known of so many frames, or of all.
        case facts(frames: Int?, isToneMapped: Bool)
        /// A JPEG.
        case picture(Picture)
    }

    /// One small picture.
    struct Picture: Equatable {
        let seconds: Double
        let width: Int
        /// Whether it is of that moment; otherwise of the last frame before it that needs no other one.
        let isExact: Bool
        let isToneMapped: Bool
        /// Seconds before that moment at which decoding begins.
        var lead = 0.0

        /// Where its file is gone into.
        var start: Double { seconds - lead }

        /// Of the input.
        var arguments: [String] {
            ["-ss", "\(Int(start * 1e6))us"] + (isExact ? [] : ["-noaccurate_seek", "-skip_frame", "nokey"])
        }

        /// Its size: as wide as is asked for and not wider than the video is shown, even, and at most eight times as high as wide
        /// or as wide as high, whatever the file claims of its pixels' shape.
        var filters: String {
            let shown = "iw*clip(sar\\,1/8\\,8)"
            let wide = "max(2\\,2*trunc(min(\(width)\\,\(shown))/2))"
            let high = "clip(2*round(ow*ih/(\(shown))/2)\\,2\\,8*\(width))"
            return (isToneMapped ? DecoderCall.toneMapping + "," : "")
                + "scale=w=\(wide):h=\(high):\(DecoderCall.scaling):"
                + "out_color_matrix=bt601,setsar=1,format=yuvj420p"
        }
    }

    /// Those that decode, of videos as cameras and phones make them and of archives; none that reads another file, and none of
    /// the many that only old games need.
    static let decoders = [
        "h264", "hevc", "vp8", "libvpx", "vp9", "libvpx-vp9", "libdav1d", "libaom-av1", "av1", "mpeg4", "msmpeg4v1",
        "msmpeg4v2", "msmpeg4", "h263", "mpeg1video", "mpeg2video", "mjpeg", "ffv1", "huffyuv", "ffvhuff", "prores",
        "rawvideo", "gif", "theora", "flv",
    ]

    /// Which and in which isolation.
    let ffmpeg: FFmpeg
    let container: VideoContainer
    let limits: VideoLimits
    /// What its lines about frames are known by, which no file can foretell.
    let mark: String
    let output: Output

    var arguments: [String] {
        var all = ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+info"]
        all += ["-max_alloc", String(limits.allocation), "-filter_threads", "1", "-max_error_rate", "1", "-benchmark"]
        // Of the input.
        all += ["-protocol_whitelist", "file", "-format_whitelist", container.rawValue, "-f", container.rawValue]
        all += ["-codec_whitelist", Self.decoders.joined(separator: ","), "-max_pixels", String(limits.pixels)]
        if case .picture(let picture) = output { all += picture.arguments }
        all += ["-threads", String(limits.threads), "-i", "file:/proc/self/fd/0"]
        // Of the output: a capital V leaves out the pictures that sound has as its cover.
        all += ["-map", "0:V:0", "-an", "-sn", "-dn", "-map_metadata", "-1"]
        all += ["-vf", filters] + ffmpeg.passThrough + ["-autoscale", "0"]
        switch output {
        case .pixels, .planes: return all + ["-f", "rawvideo", "pipe:1"]
        case .facts(let frames, _):
            return all + (frames.map { ["-frames:v", String($0)] } ?? []) + ["-f", "null", "pipe:1"]
        case .picture:
            all += ["-frames:v", "1", "-c:v", "mjpeg", "-q:v", "4", "-threads:v", "1", "-flags:v", "+bitexact"]
            return all + ["-f", "mjpeg", "pipe:1"]
        }
    }

    private var filters: String {
        let told = "showinfo@\(mark)=checksum=0"
        switch output {
        case .pixels(let selection, let isToneMapped):
            // What is told comes first: of all frames, as they are counted here.
            return ([told] + selected(selection) + [Self.colours(isToneMapped: isToneMapped)]).joined(separator: ",")
        case .planes(let selection, let format):
            return ([told] + selected(selection) + ["format=\(format.rawValue)"]).joined(separator: ",")
        case .facts(_, let isToneMapped): return isToneMapped ? told + "," + Self.toneMapping : told
        case .picture(let picture):
            let passed = picture.lead > 0 ? ["trim=start=\(Int(picture.lead * 1e6))us"] : []
            return (passed + [told, picture.filters]).joined(separator: ",")
        }
    }

    private func selected(_ selection: FrameSelection?) -> [String] {
        selection.map { ["select=eq(mod(n\\,\($0.every))\\,\($0.place))"] } ?? []
    }

    /// The conversion to R G B: how it rounds and samples is said, so that it is the same on every machine. Range and matrix are
    /// those that the video says, and where it says none BT.601 in studio range, as other readers have it.
    static func colours(isToneMapped: Bool) -> String {
        (isToneMapped ? toneMapping + "," : "")
            + "scale=\(scaling),format=rgb24"
    }

    private static let scaling =
        "flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact:sws_dither=none:in_range=auto:out_range=full"

    /// High dynamic range made what a usual screen shows.
    static let toneMapping =
        "zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709,tonemap=hable:desat=0,"
        + "zscale=transfer=bt709:matrix=bt709:range=limited,format=yuv420p"

    /// What is to be started.
    var command: Subprocess.Command? { ffmpeg.isolation.command(ffmpeg.path, arguments, limits) }
}
