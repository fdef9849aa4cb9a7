import Frames
import Platform

/// Looks at a video: at its first frame, or at all of them.
public struct VideoLook {
    private let file: VideoFile
    private let ffmpeg: FFmpeg
    private let limits: VideoLimits
    private let leash: DecoderLeash

    /// Looks at nothing yet.
    ///
    /// - Parameters:
    ///   - file: the video
    ///   - ffmpeg: the program
    ///   - limits: what the decoder may use
    ///   - leash: by which another thread ends it
    public init(
        _ file: VideoFile, by ffmpeg: FFmpeg, limits: VideoLimits = VideoLimits(), leash: DecoderLeash = DecoderLeash()
    ) {
        (self.file, self.ffmpeg, self.limits, self.leash) = (file, ffmpeg, limits, leash)
    }

    /// What the header and the first frame say, and whether its high dynamic range can be mapped here.
    public func first() throws(FrameError) -> (facts: VideoFacts, isToneMapped: Bool) {
        let (log, end) = try run(.facts(frames: 1, isToneMapped: false))
        try fault.checkInterruption(end)
        let facts = log.facts
        guard facts.frames > 0 || (end == .exited(0) && log.faults.isEmpty) else { throw fault.none(log, end) }
        return (facts, try isMapped(facts))
    }

    /// Whether its high dynamic range can be mapped: not every ffmpeg has what that takes.
    private func isMapped(_ facts: VideoFacts) throws(FrameError) -> Bool {
        guard facts.isHDR else { return false }
        let (mapped, end) = try run(.facts(frames: 1, isToneMapped: true))
        try fault.checkInterruption(end)
        return end == .exited(0) && mapped.facts.frames > 0
    }

    /// What all of the video says, each frame decoded; nothing is made of them.
    ///
    /// - Parameter progress: told again and again, by the thread that calls: frames, and how many there should be
    public func all(progress: (Int, Int?) -> Void = { _, _ in }) throws(FrameError) -> VideoFrames.Outcome {
        let decoder = try Decoder(file, ffmpeg, limits, .facts(frames: nil, isToneMapped: false))
        var last = (frames: 0, at: MonotonicTime.now)
        var reason: (text: String, cut: VideoFrames.Cut)?
        while decoder.process.wait(until: Deadline(in: .milliseconds(200))) == nil {
            let facts = decoder.log.facts
            progress(facts.frames, facts.expectedFrames)
            if facts.frames > last.frames { last = (facts.frames, .now) }
            if MonotonicTime.now - last.at > limits.patience {
                reason = (limits.silence, .end)
            } else if facts.frames > limits.frames {
                reason = ("only its first \(limits.frames) frames were looked at", .limit)
            } else {
                continue
            }
            decoder.process.kill()
        }
        let (log, end) = decoder.finish()
        let facts = log.facts
        guard facts.frames > 0 || (end == .exited(0) && log.faults.isEmpty) else {
            if let reason { throw FrameError(.malformed, reason.text) }
            throw fault.none(log, end)
        }
        var warnings = reason.map { [$0.text] } ?? []
        let cut = reason?.cut ?? VideoFrames.Cut(end, faults: facts.faults)
        if cut != nil, reason == nil {
            warnings.append(
                "parts of it are damaged or missing: \(counted(facts.frames, "frame")) could be decoded"
                    + (log.faults.first.map { " (ffmpeg: \($0))" } ?? ""))
        }
        warnings += Self.warnings(on: facts, isHDR: facts.isHDR, isToneMapped: try isMapped(facts))
        return VideoFrames.Outcome(facts: facts, cut: cut, warnings: warnings)
    }

    private var fault: VideoFault { VideoFault(ffmpeg: ffmpeg, container: file.container, limits: limits) }

    private func run(_ output: DecoderCall.Output) throws(FrameError) -> (VideoLog, Subprocess.End?) {
        let decoder = try Decoder(file, ffmpeg, limits, output)
        leash.hold(decoder.process)
        return decoder.finish()
    }

    /// What is unusual about frames that came.
    static func warnings(on facts: VideoFacts, isHDR: Bool, isToneMapped: Bool) -> [String] {
        var warnings: [String] = []
        if isHDR {
            warnings.append(
                isToneMapped
                    ? "it is of high dynamic range, which is mapped to a usual screen's"
                    : "it is of high dynamic range, which this ffmpeg can't map: its frames come pale")
        }
        if facts.isInterlaced { warnings.append("it is interlaced: each frame has both of its fields, as they are") }
        if facts.isVariable {
            warnings.append("its frames come at unequal times: --cadence time makes rows of equal length")
        }
        if facts.brokenTimes > 0 {
            warnings.append(
                "\(counted(facts.brokenTimes, "frame")) without a time, or with one that was over: a frame's time is taken"
            )
        }
        return warnings
    }
}
