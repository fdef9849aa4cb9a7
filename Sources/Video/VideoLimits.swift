/// What a video may take, whatever its file claims.
public struct VideoLimits: Equatable, Sendable {
    /// Pixels of a frame; 8K has 33 million.
    public var pixels = 8_192 * 4_352
    /// Frames; what comes after them is not looked at. Ten days at 30 frames a second.
    public var frames = 25_920_000
    /// Bytes of the decoder's address space.
    public var memory = 4 << 30
    /// Seconds of processors' time that decoding may take.
    public var processorSeconds = 86_400
    /// How long nothing may come.
    public var patience = Duration.seconds(60)
    /// Threads that decode.
    public var threads = 2

    /// Frames that may have been told of and not taken: there are bytes enough in a hostile file for any number of them.
    var marks = 1 << 16

    /// What the command line allows.
    public init() {}

    /// What is said where nothing came for too long.
    var silence: String { "ffmpeg gave nothing for \(Int(patience.inSeconds)) seconds and was ended" }

    /// Bytes that the decoder takes at once: of two frames, with room for their edges.
    var allocation: Int { 16 * pixels }
}
