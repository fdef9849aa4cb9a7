import Logging
import Platform
import Scoring
import Video

/// Whether `vigil serve` takes videos, and by which ffmpeg.
struct ServedVideos {
    let settings: Settings

    /// What takes videos, or says why it does not: that is never a reason not to begin, and is found out beside the start. The log is
    /// told.
    ///
    /// - Parameters:
    ///   - shelf: where they are until their jobs have ended
    ///   - archive: what is kept of them after that
    func intake(on shelf: VideoShelf, keeping archive: VideoArchive, _ logger: Logger) throws -> VideoIntake {
        let maxBytes = try settings.mebibytes("max-video")
        let isAllowed = try settings.isOn("allow-unsandboxed-video")
        let named = try settings.text("ffmpeg")
        return VideoIntake(maxBytes: maxBytes, on: shelf, keeping: archive) {
            let found = Result { () throws(FFmpegError) in try FFmpeg.find(named) }
            return Self.tell(Self.decoding(found, isAllowed: isAllowed, logger), maxBytes: maxBytes, logger)
        }
    }

    private static func decoding(
        _ found: Result<FFmpeg, FFmpegError>, isAllowed: Bool, _ logger: Logger
    ) -> VideoIntake.Decoding {
        let ffmpeg: FFmpeg
        switch found {
        case .success(let program): ffmpeg = program
        case .failure(let error):
            logger.debug("ffmpeg can't be used", metadata: ["error": "\(error)"])
            return .refused(
                "the ffmpeg that decodes them is not there, or can't be used; an operator installs it, or names it by --ffmpeg"
            )
        }
        guard ffmpeg.isolation.isSandbox || isAllowed else {
            if let fault = ffmpeg.sandboxFault {
                logger.notice("bubblewrap is there and does not work", metadata: ["error": "\(fault)"])
            }
            return .refused(
                "bubblewrap, which keeps their decoder from files and the network, "
                    + (ffmpeg.sandboxFault == nil ? "is not installed" : "does not work here")
                    + "; an operator installs it or allows user namespaces, or trusts all who send videos and says so by "
                    + "--allow-unsandboxed-video")
        }
        return .by(ffmpeg)
    }

    private static func tell(
        _ decoding: VideoIntake.Decoding, maxBytes: Int, _ logger: Logger
    ) -> VideoIntake.Decoding {
        switch decoding {
        case .refused(let reason): logger.notice("videos are not taken", metadata: ["reason": "\(reason)"])
        case .by(let ffmpeg):
            logger.info(
                "videos are taken",
                metadata: [
                    "ffmpeg": "\(ffmpeg.version)", "isolation": "\(ffmpeg.isolation.rawValue)",
                    "most": .stringConvertible(ByteCount(maxBytes)),
                ])
            guard !ffmpeg.isolation.isSandbox else { break }
            logger.warning(
                "videos are decoded without bubblewrap: take none from strangers",
                metadata: ["within": "\(ffmpeg.isolation.text)"])
        }
        return decoding
    }
}
