import Formats

/// The forms in which scores are written beside JSON.
public enum ReportFormat: String, CaseIterable, Sendable {
    /// A row a snippet, or a frame.
    case csv
    /// float32 [T, 1 + K], the coarse score and those of the classes.
    case npy
    /// Segments as subtitles.
    case srt, vtt
    /// A drawing of the scores.
    case svg
    /// A page with the drawing, the segments and where they come from.
    case html
    /// Segments for tools that people annotate with.
    case coco
    case diveJSON = "dive-json"
    case diveCSV = "dive-csv"
    case activityNet = "activitynet"
    case via

    /// What files of it end in.
    public var ending: String {
        switch self {
        case .csv, .diveCSV: "csv"
        case .npy, .srt, .vtt, .svg, .html: rawValue
        case .coco, .diveJSON, .activityNet, .via: "json"
        }
    }

    /// Whether one file can hold several videos.
    public var isOfMany: Bool {
        switch self {
        case .csv, .html, .coco, .activityNet, .via: true
        case .npy, .srt, .vtt, .svg, .diveJSON, .diveCSV: false
        }
    }

    /// Whether it can have a score for each frame.
    public var hasFrames: Bool { self == .csv || self == .npy }

    /// Whether it can have what stands out at each of several thresholds.
    public var hasSweep: Bool { self == .csv || self == .html }

    /// Whether it shows pictures of segments.
    public var hasPictures: Bool { self == .html }

    /// Whether it has boxes, which are the whole frame.
    public var hasBoxes: Bool { self == .coco || self == .diveJSON || self == .diveCSV }

    /// Whether it needs to know when snippets are.
    public var needsTimes: Bool {
        switch self {
        case .srt, .vtt, .activityNet, .via: true
        case .csv, .npy, .svg, .html, .coco, .diveJSON, .diveCSV: false
        }
    }

    /// What is written of one video, or of several where ``isOfMany``.
    ///
    /// - Parameters:
    ///   - videos: what was scored, in order
    ///   - perFrame: a row for each frame, where ``hasFrames``
    public func bytes(of videos: [ReportedVideo], perFrame: Bool = false) throws(ReportError) -> [UInt8] {
        guard isOfMany || videos.count == 1 else { throw .tooMany(self) }
        if needsTimes, let video = videos.first(where: { $0.seconds == nil }) {
            throw .noTimes(self, name: video.name)
        }
        switch self {
        case .csv:
            var table = ScoreTableText(perFrame: perFrame)
            var text: [UInt8] = []
            for video in videos { text += try table.next(video) }
            return text
        case .npy: return videos[0].npy(perFrame: perFrame)
        case .srt: return Subtitles(videos[0]).srt
        case .vtt: return Subtitles(videos[0]).vtt
        case .svg: return Array(ScoreDrawing(videos[0]).svg(isAlone: true).utf8)
        case .html: return ScorePage(videos).html
        case .coco: return COCODataset(videos).json
        case .diveJSON: return DIVETracks(videos[0]).json
        case .diveCSV: return DIVETracks(videos[0]).csv
        case .activityNet: return ActivityNetDatabase(videos).json
        case .via: return VIAProject(videos).json
        }
    }
}

/// Why scores can't be written in a form.
public enum ReportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Several videos in a file that has one.
    case tooMany(ReportFormat)
    /// Nobody knows when the snippets of a video are.
    case noTimes(ReportFormat, name: String)
    /// A table of videos that were scored against different labels.
    case otherLabels(name: String)

    /// One sentence.
    public var description: String {
        switch self {
        case .tooMany(let format): "\(format.rawValue) is a file a video: expected a folder for several"
        case .noTimes(let format, let name):
            "\(name): \(format.rawValue) says when segments are, and it is not known how many frames a second there are: "
                + "expected --fps"
        case .otherLabels(let name):
            "\(name): it was scored against other labels than those before it, and one table has one list of them: "
                + "expected a folder for several"
        }
    }
}

extension ReportedVideo {
    /// float32 [T, 1 + K]: the coarse score, then those of the classes in the labels' order; with `perFrame` a row a frame.
    func npy(perFrame: Bool) -> [UInt8] {
        let rows = perFrame ? scoredFrames : snippets
        var values: [Float] = []
        values.reserveCapacity(rows * (1 + labels.count))
        for row in 0..<rows {
            let snippet = perFrame ? row / framesPerSnippet : row
            values.append(coarse[snippet])
            values += fine[snippet * labels.count..<(snippet + 1) * labels.count]
        }
        return NPYWriter.encode(values, rows: rows, columns: 1 + labels.count)
    }
}
