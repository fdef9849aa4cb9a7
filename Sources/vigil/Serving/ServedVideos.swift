import Logging
import Platform
import Scoring
import Video

/// Whether `vigil serve` takes videos, and by which ffmpeg.
struct ServedVideos {
    let settings: Settings

    /// What takes videos, or says why it does not: that is never a reason not to begin. The log is told.
    ///
    /// - Parameter shelf: where they are kept
    func intake(on shelf: VideoShelf, _ logger: Logger) throws -> VideoIntake {
        let maxBytes = try settings.mebibytes("max-video")
        let isAllowed = try settings.isOn("allow-unsandboxed-video")
        func refused(_ reason: String, _ remedy: String) -> VideoIntake {
            logger.notice("videos are not taken", metadata: ["reason": "\(reason)", "remedy": "\(remedy)"])
            return VideoIntake(refusing: "\(reason); \(remedy)", maxBytes: maxBytes, on: shelf)
        }
        let ffmpeg: FFmpeg
        do throws(FFmpegError) { ffmpeg = try FFmpeg.find(try named()) } catch {
            logger.debug("ffmpeg can't be used", metadata: ["error": "\(error)"])
            return refused(
                "the ffmpeg that decodes them is not there, or can't be used",
                "an operator installs it, or names it by --ffmpeg")
        }
        guard ffmpeg.isolation.isSandbox || isAllowed else {
            if let fault = ffmpeg.sandboxFault {
                logger.warning("bubblewrap is there and does not work", metadata: ["error": "\(fault)"])
            }
            return refused(
                "bubblewrap, which keeps their decoder from files and the network, "
                    + (ffmpeg.sandboxFault == nil ? "is not installed" : "does not work here"),
                "an operator installs it or allows user namespaces, or trusts all who send videos and says so by "
                    + "--allow-unsandboxed-video")
        }
        if !ffmpeg.isolation.isSandbox {
            logger.warning(
                "videos are decoded without bubblewrap: take none from strangers",
                metadata: ["within": "\(ffmpeg.isolation.text)"])
        }
        logger.info(
            "videos are taken",
            metadata: [
                "ffmpeg": "\(ffmpeg.version)", "isolation": "\(ffmpeg.isolation.rawValue)",
                "most": .stringConvertible(ByteCount(maxBytes)),
            ])
        return VideoIntake(by: ffmpeg, maxBytes: maxBytes, on: shelf)
    }

    private func named() throws(FFmpegError) -> String? { (try? settings.text("ffmpeg")) ?? nil }
}
