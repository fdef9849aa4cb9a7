import Frames
import Platform

/// The frames of a video, decoded by ffmpeg while they are asked for.
public final class VideoFrames: FrameSource {
    /// Why a video was not decoded as a whole.
    public enum Cut: String, Sendable {
        /// Its file is damaged or ends early: the next time it is the same.
        case damage
        /// It has more than a limit allows.
        case limit
        /// The decoder was ended, crashed, or gave nothing for too long: the next time more may come.
        case end

        /// - Parameters:
        ///   - end: how the decoder ended; nil where it did not in time
        ///   - faults: what it said was wrong, so many lines
        init?(_ end: Subprocess.End?, faults: Int) {
            switch end {
            case .exited(0)?:
                guard faults > 0 else { return nil }
                self = .damage
            case .exited?: self = .damage
            case .killed?, nil: self = .end
            }
        }
    }

    /// What came, once no more comes.
    public struct Outcome: Equatable, Sendable {
        /// What is known of the frames that came.
        public let facts: VideoFacts
        /// Whether the video was not decoded as a whole: its file ends early, or is damaged, or more than a limit allows.
        public var isTruncated: Bool { cut != nil }
        /// Why it was not.
        public let cut: Cut?
        /// What is to be said of it.
        public let warnings: [String]
        /// Whether the decoder was ended from outside, which has nothing to do with the video.
        public internal(set) var isInterrupted = false
    }

    private let file: VideoFile
    private let ffmpeg: FFmpeg
    private let limits: VideoLimits
    private let isToneMapped: Bool
    private let leash: DecoderLeash
    /// What its first frame and its header say.
    public let first: VideoFacts
    /// The frames that the decoder gives; nil for all.
    private var selection: FrameSelection?
    /// How its frames are made R G B here; nil where ffmpeg does it.
    private var planes: (colours: PlanarColours, format: PlaneFormat, bytes: [UInt8])?
    private var decoder: Decoder
    private var taken = 0
    private var stop: String?
    private var hasEnded = false
    private var lastSeconds: Double?
    /// What came, where all has been read.
    public private(set) var outcome: Outcome?
    /// Seconds of processors that decoding took, its conversions with it; nil where it did not come to its end.
    public private(set) var processorSeconds: Double?
    /// The time of the frame that came last, in seconds from the file's beginning; where it has none, or one before that of
    /// the frame before, it is a frame's time later than that.
    public var seconds: Double? { lastSeconds }

    /// Looks at a video, and begins to decode it.
    ///
    /// - Parameters:
    ///   - file: the video
    ///   - ffmpeg: the program
    ///   - selection: the frames that are to be had by ``next(into:)``, where all others are passed over; nil for all
    ///   - limits: what the decoder may use
    ///   - leash: by which another thread ends it
    public init(
        _ file: VideoFile, by ffmpeg: FFmpeg, only selection: FrameSelection? = nil,
        limits: VideoLimits = VideoLimits(), leash: DecoderLeash = DecoderLeash()
    ) throws(FrameError) {
        (self.file, self.ffmpeg, self.limits, self.selection) = (file, ffmpeg, limits, selection)
        self.leash = leash
        let found = try VideoLook(file, by: ffmpeg, limits: limits, leash: leash).first()
        (first, isToneMapped) = (found.facts, found.isToneMapped)
        if !isToneMapped, let planes = first.planes, let size = first.sizes.first,
            let colours = PlanarColours(size, planes.coding)
        {
            self.planes = (colours, planes.format, [UInt8](repeating: 0, count: colours.byteCount))
        }
        decoder = try Decoder(
            file, ffmpeg, limits,
            planes.map { .planes(of: selection, $0.format) } ?? .pixels(of: selection, isToneMapped: isToneMapped))
        leash.hold(decoder.process)
    }

    /// `MP4, h264`.
    public var kind: String { ([file.container.name] + (first.codec.map { [$0] } ?? [])).joined(separator: ", ") }

    /// What its file is.
    public var container: VideoContainer { file.container }

    /// Not known before the last one has come.
    public var count: Int? { nil }

    /// How many there should be, by what the file says.
    public var expectedCount: Int? { first.expectedFrames }

    /// Ends decoding at once; what would have come does not.
    public func cancel() { decoder.process.kill() }

    /// The number of the process that decodes, as long as it runs.
    package var pid: pid_t? { decoder.process.pid }

    /// The next frame.
    public func next(into frame: inout Frame?) throws(FrameError) -> Bool {
        guard let mark = try awaited() else { return false }
        guard isGiven(mark), isExpected(mark) else {
            // It changed in the middle, where the decoder begins to count anew: now all of its frames are to come.
            try begin(again: taken)
            return try next(into: &frame)
        }
        let size = try size(of: mark)
        var isWhole = true
        let decoder = decoder
        if let colours = planes?.colours {
            isWhole = planes?.bytes.withUnsafeMutableBytes { decoder.fill($0) } == colours.byteCount
            guard isWhole else { return try end() }
            guard let told = decoder.planes(), told.format == planes?.format, told.coding == colours.coding else {
                try begin(again: taken)
                return try next(into: &frame)
            }
            frame = try Frame(size, inPlaceOf: &frame, isSure: true) { rows, bytes throws(FrameError) in
                planes?.bytes.withUnsafeBytes { colours.convert($0, rows: rows, to: bytes) }
            }
            return take(mark)
        }
        frame = try Frame(size, inPlaceOf: &frame, isSure: true) { _, bytes throws(FrameError) in
            if isWhole { isWhole = decoder.fill(bytes) == bytes.count }
        }
        return try isWhole ? take(mark) : end()
    }

    /// Passes over the next frame, which costs less where it is none of those that were selected.
    public func skip(in frame: inout Frame?) throws(FrameError) -> Bool {
        guard let mark = try awaited() else { return false }
        guard isGiven(mark) else { return take(mark) }
        guard isExpected(mark) else {
            try begin(again: taken)
            return try skip(in: &frame)
        }
        let size = try size(of: mark)
        let isWhole = decoder.pass(planes?.colours.byteCount ?? size.byteCount)
        return try isWhole ? take(mark) : end()
    }

    /// What is said of the next frame; nil where there is none.
    private func awaited() throws(FrameError) -> VideoLog.Mark? {
        guard !hasEnded else { return nil }
        var reason: (text: String, cut: Cut)?
        if taken >= limits.frames {
            reason = ("only its first \(limits.frames) frames were taken", .limit)
        } else {
            switch decoder.next() {
            case .frame(let mark): return mark
            case .end: break
            case .late: reason = (limits.silence, .end)
            }
        }
        _ = try end(stopped: reason)
        return nil
    }

    private func isGiven(_ mark: VideoLog.Mark) -> Bool { selection?.has(mark.number) ?? true }

    /// Whether it is of the size that planes are taken of.
    private func isExpected(_ mark: VideoLog.Mark) -> Bool { planes.map { $0.colours.size == mark.size } ?? true }

    private func size(of mark: VideoLog.Mark) throws(FrameError) -> FrameSize {
        guard let size = mark.size else {
            throw FrameError(.tooLarge, "frame \(taken) has more than \(Frame.longestSide) pixels on a side")
        }
        return size
    }

    private func take(_ mark: VideoLog.Mark) -> Bool {
        decoder.take()
        taken += 1
        note(mark.seconds)
        return true
    }

    /// Decodes from the beginning, all frames now, up to the one that is next.
    private func begin(again count: Int) throws(FrameError) {
        decoder.process.kill()
        (selection, planes) = (nil, nil)
        decoder = try Decoder(file, ffmpeg, limits, .pixels(of: nil, isToneMapped: isToneMapped))
        leash.hold(decoder.process)
        for _ in 0..<count {
            guard case .frame(let mark) = decoder.next(), try decoder.pass(size(of: mark).byteCount) else {
                try fault.checkInterruption(decoder.finish().end)
                throw FrameError(.malformed, "ffmpeg gives other frames than the first time")
            }
            decoder.take()
        }
    }

    private func note(_ seconds: Double?) {
        guard let last = lastSeconds else {
            lastSeconds = seconds ?? 0
            return
        }
        if let seconds, seconds > last { lastSeconds = seconds } else { lastSeconds = last + 1 / (first.rate ?? 25) }
    }

    private func end(stopped reason: (text: String, cut: Cut)? = nil) throws(FrameError) -> Bool {
        hasEnded = true
        if reason != nil { decoder.process.kill() }
        let (log, end) = decoder.finish()
        processorSeconds = log.processorSeconds
        guard taken > 0 else {
            if let reason { throw FrameError(.malformed, reason.text) }
            // A video may have no frame at all, and nothing wrong with it.
            guard end == .exited(0), log.faults.isEmpty else { throw fault.none(log, end) }
            outcome = Outcome(facts: log.facts, cut: nil, warnings: [])
            return false
        }
        var warnings: [String] = []
        let cut = reason?.cut ?? Cut(end, faults: log.facts.faults)
        if let reason {
            warnings.append(reason.text)
        } else if end == nil {
            warnings.append(limits.silence)
        } else if end != .exited(0) {
            warnings.append("decoding ended early, after \(counted(taken, "frame"))" + Self.told(log))
        } else if cut != nil {
            warnings.append(
                "parts of it are damaged or missing: \(counted(taken, "frame")) could be decoded" + Self.told(log))
        }
        warnings += VideoLook.warnings(on: log.facts, isHDR: first.isHDR, isToneMapped: isToneMapped)
        var came = Outcome(facts: log.facts, cut: cut, warnings: warnings)
        came.isInterrupted = reason == nil && end?.isFromOutside == true
        outcome = came
        return false
    }

    private var fault: VideoFault { VideoFault(ffmpeg: ffmpeg, container: file.container, limits: limits) }

    private static func told(_ log: VideoLog) -> String { log.faults.first.map { " (ffmpeg: \($0))" } ?? "" }
}
