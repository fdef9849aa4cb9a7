import Frames
import Platform

/// How ffmpeg is called: a list of arguments that no file has a part in. The file is its standard input, which it opens again
/// as what it is, to read in it where it has to.
struct DecoderCall {
    /// What is wanted of it.
    enum Output: Equatable {
        /// Pixels, R G B by rows: of every frame, or of some.
        case pixels(of: FrameSelection?, isToneMapped: Bool)
        /// What is known of so many frames, or of all.
        case facts(frames: Int?, isToneMapped: Bool)
    }

    /// Those that decode, of videos as cameras and phones make them and of archives; none that reads another file, and none of
    /// the many that only old games need.
    static let decoders = [
        "h264", "hevc", "vp8", "libvpx", "vp9", "libvpx-vp9", "libdav1d", "libaom-av1", "av1", "mpeg4", "msmpeg4v1",
        "msmpeg4v2", "msmpeg4", "h263", "mpeg1video", "mpeg2video", "mjpeg", "ffv1", "huffyuv", "ffvhuff", "prores",
        "rawvideo", "gif", "theora",
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
        all += ["-max_alloc", String(limits.allocation), "-filter_threads", "1", "-max_error_rate", "1"]
        // Of the input.
        all += ["-protocol_whitelist", "file", "-format_whitelist", container.rawValue, "-f", container.rawValue]
        all += ["-codec_whitelist", Self.decoders.joined(separator: ","), "-max_pixels", String(limits.pixels)]
        all += ["-threads", String(limits.threads), "-i", "file:/proc/self/fd/0"]
        // Of the output: a capital V leaves out the pictures that sound has as its cover.
        all += ["-map", "0:V:0", "-an", "-sn", "-dn", "-map_metadata", "-1"]
        all += ["-vf", filters] + ffmpeg.passThrough + ["-autoscale", "0"]
        switch output {
        case .pixels: return all + ["-f", "rawvideo", "pipe:1"]
        case .facts(let frames, _):
            return all + (frames.map { ["-frames:v", String($0)] } ?? []) + ["-f", "null", "pipe:1"]
        }
    }

    private var filters: String {
        let told = "showinfo@\(mark)=checksum=0"
        switch output {
        case .pixels(let selection, let isToneMapped):
            // What is told comes first: of all frames, as they are counted here.
            let selected = selection.map { ["select=eq(mod(n\\,\($0.every))\\,\($0.place))"] } ?? []
            return ([told] + selected + [Self.colours(isToneMapped: isToneMapped)]).joined(separator: ",")
        case .facts(_, let isToneMapped): return isToneMapped ? told + "," + Self.toneMapping : told
        }
    }

    /// The conversion to R G B: how it rounds and samples is said, so that it is the same on every machine. Range and matrix are
    /// those that the video says, and where it says none BT.601 in studio range, as other readers have it.
    static func colours(isToneMapped: Bool) -> String {
        (isToneMapped ? toneMapping + "," : "")
            + "scale=flags=bicubic+accurate_rnd+full_chroma_int+full_chroma_inp+bitexact:sws_dither=none:in_range=auto:"
            + "out_range=full,format=rgb24"
    }

    /// High dynamic range made what a usual screen shows.
    static let toneMapping =
        "zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709,tonemap=hable:desat=0,"
        + "zscale=transfer=bt709:matrix=bt709:range=limited,format=yuv420p"

    /// What is to be started.
    var command: Subprocess.Command? { ffmpeg.isolation.command(ffmpeg.path, arguments, limits) }
}
