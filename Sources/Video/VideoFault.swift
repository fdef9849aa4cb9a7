import Frames
import Platform

/// What was wrong with a video, in words of a person who has it and not its decoder.
struct VideoFault {
    let ffmpeg: FFmpeg
    let container: VideoContainer
    let limits: VideoLimits

    /// Why no frame came.
    ///
    /// - Parameters:
    ///   - log: what the decoder said
    ///   - end: how it ended; nil where it did not in time
    func none(_ log: VideoLog, _ end: Subprocess.End?) -> FrameError {
        guard let end else { return FrameError(.malformed, limits.silence) }
        if case .killed(let signal) = end {
            if signal == SIGXCPU {
                return FrameError(
                    .tooLarge, "decoding it takes more than \(limits.processorSeconds) seconds of a processor")
            }
            return FrameError(
                end.isFromOutside ? .interrupted : .malformed,
                "ffmpeg was ended by signal \(signal) over it (\(ffmpeg.version))")
        }
        let said = log.faults.joined(separator: "\n")
        func says(_ text: String) -> Bool { said.utf8.firstRange(of: text.utf8) != nil }
        if says("matches no streams") {
            return FrameError(.unsupported, "it has no video, only sound, subtitles or a cover picture")
        }
        if says("Error while opening decoder"), let codec = log.refused.last {
            return FrameError(.unsupported, "its video is \(codec), which is not decoded here: \(advice)")
        }
        if says("moov atom not found") {
            return FrameError(
                .truncated, "its index (moov) is missing: the recording or the copy did not come to its end")
        }
        if says("Permission denied") {
            return FrameError(
                .unreadable,
                "the decoder may not read it: it has no rights but those of this user, who is not the file's")
        }
        if says("exceeds specified max pixel count") {
            return FrameError(.tooLarge, "its frames are larger than the \(limits.pixels) pixels that are decoded")
        }
        if says("Unknown decoder") || says("no decoder found") || (says("Decoder (codec") && says("not found")) {
            return FrameError(.unsupported, "this ffmpeg (\(ffmpeg.version)) has no decoder for it: \(advice)")
        }
        if says("End of file") || says("ended prematurely") {
            return FrameError(.truncated, "the file ends before its first frame")
        }
        if log.facts.codec != nil {
            return FrameError(
                .malformed, "none of its frames can be decoded: it is damaged, or encrypted\(last(log))")
        }
        return FrameError(
            .malformed, "it begins as \(container.name), and no video is found in it: it is damaged\(last(log))")
    }

    /// Throws where the decoder was ended from outside, so that what it did not say means nothing.
    func checkInterruption(_ end: Subprocess.End?) throws(FrameError) {
        guard case .killed(let signal)? = end, end?.isFromOutside == true else { return }
        throw FrameError(.interrupted, "ffmpeg was ended by signal \(signal) over it (\(ffmpeg.version))")
    }

    /// What to do with a video of another kind.
    private var advice: String { "ffmpeg -i FILE -c:v libx264 -an NEW.mp4 makes one that is" }

    /// What ffmpeg says at its end, whatever was wrong before.
    private static let farewells = [
        "Error marking filters as finished", "Cannot determine format of input stream", "Conversion failed",
    ]

    private func last(_ log: VideoLog) -> String {
        let told = log.faults.last { fault in !Self.farewells.contains { fault.begins(with: $0) } }
        return told.map { " (ffmpeg: \($0))" } ?? ""
    }
}

extension Collection where Element == UInt8 {
    /// Where bytes stand first.
    func firstRange(of needle: some Collection<UInt8>) -> Range<Index>? {
        guard let first = needle.first else { return nil }
        var at = startIndex
        while let found = self[at...].firstIndex(of: first) {
            if self[found...].starts(with: needle) { return found..<(index(found, offsetBy: needle.count)) }
            at = index(after: found)
        }
        return nil
    }
}
