import JSON
import Platform

/// Segments in COCO's form: an image for each, the frame at which it stands out most, and an annotation that is the whole of
/// that. What COCO has no place for stands beside its own members: `videos`, and of an annotation its frames and seconds.
struct COCODataset {
    private let videos: [ReportedVideo]
    /// All labels, each once, in the order they came in; their ids count from 1.
    private let labels: [String]

    init(_ videos: [ReportedVideo]) {
        self.videos = videos
        labels = DistinctLabels.of(videos)
    }

    /// A segment with its place in the file.
    private struct Entry {
        let id: Int
        let video: Int
        let segment: ReportedSegment
        let frame: Int
    }

    private var entries: [Entry] {
        var entries: [Entry] = []
        for (index, video) in videos.enumerated() {
            for segment in video.segments {
                let middle = video.highest(of: segment) * video.framesPerSnippet + video.framesPerSnippet / 2
                let frames = video.frames(of: segment)
                let frame = min(max(middle, frames.lowerBound), frames.upperBound - 1)
                entries.append(Entry(id: entries.count + 1, video: index, segment: segment, frame: frame))
            }
        }
        return entries
    }

    var json: [UInt8] {
        let entries = entries
        return JSONWriter.document { json in
            json.object { json in
                json.key("info")
                json.object { json in
                    json.member("description", "Segments of videos, scored by Vigil")
                    json.member("version", "1.0")
                }
                json.key("licenses")
                json.array([Int]()) { $0.number($1) }
                json.key("videos")
                json.array(videos.enumerated()) { write($1.element, id: $1.offset + 1, to: &$0) }
                json.key("images")
                json.array(entries) { image($1, to: &$0) }
                json.key("annotations")
                json.array(entries) { annotation($1, to: &$0) }
                json.key("categories")
                json.array(labels.enumerated()) { json, label in
                    json.object { json in
                        json.member("id", label.offset + 1)
                        json.member("name", label.element)
                        json.member("supercategory", "event")
                    }
                }
            }
        }
    }

    private func write(_ video: ReportedVideo, id: Int, to json: inout JSONWriter) {
        json.object { json in
            json.member("id", id)
            json.member("name", video.baseName)
            json.member("file_name", video.name)
            json.member("width", video.box.width)
            json.member("height", video.box.height)
            json.member("length", video.scoredFrames)
            if let fps = video.fps { json.member("fps", fps) }
        }
    }

    private func image(_ entry: Entry, to json: inout JSONWriter) {
        let video = videos[entry.video]
        json.object { json in
            json.member("id", entry.id)
            json.member("video_id", entry.video + 1)
            json.member("file_name", "\(video.baseName)#\(entry.frame)")
            json.member("frame_index", entry.frame)
            if let seconds = video.seconds(atFrame: entry.frame) { json.member("seconds", seconds.toMilliseconds) }
            json.member("width", video.box.width)
            json.member("height", video.box.height)
        }
    }

    private func annotation(_ entry: Entry, to json: inout JSONWriter) {
        let video = videos[entry.video]
        let segment = entry.segment
        let frames = video.frames(of: segment)
        json.object { json in
            json.member("id", entry.id)
            json.member("image_id", entry.id)
            json.member("video_id", entry.video + 1)
            json.member("category_id", (labels.firstIndex { $0.hasBytes(of: segment.label) } ?? 0) + 1)
            json.key("bbox")
            json.array([0, 0, video.box.width, video.box.height]) { $0.number($1) }
            json.member("area", video.box.width * video.box.height)
            json.member("iscrowd", 0)
            json.key("segmentation")
            json.array([Int]()) { $0.number($1) }
            json.member("score", segment.score)
            json.member("start_frame", frames.lowerBound)
            json.member("end_frame", frames.upperBound)
            if let start = video.seconds(at: segment.start), let end = video.seconds(at: segment.end) {
                json.member("start_seconds", start.toMilliseconds)
                json.member("end_seconds", end.toMilliseconds)
            }
        }
    }
}

/// The labels of several videos.
enum DistinctLabels {
    /// Each once, in the order they came in.
    static func of(_ videos: [ReportedVideo]) -> [String] {
        var seen: Set<ByteText> = []
        return videos.flatMap { $0.labels + $0.segments.map(\.label) }.filter { seen.insert(ByteText($0)).inserted }
    }
}

extension ReportedVideo {
    /// The box that is the whole frame; of a frame whose size is not known 1 by 1.
    var box: ReportedSize { size ?? ReportedSize(width: 1, height: 1) }
}

extension Double {
    /// Rounded to a thousandth.
    var toMilliseconds: Double { (self * 1_000).rounded() / 1_000 }
}
