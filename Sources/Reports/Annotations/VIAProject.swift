import JSON
import Platform

/// Segments as a project of the VGG Image Annotator, version 3: stretches of time with a class and a score each.
struct VIAProject {
    private let videos: [ReportedVideo]
    private let labels: [String]
    /// The ids of what a stretch has.
    private static let label = "1", score = "2"

    init(_ videos: [ReportedVideo]) {
        self.videos = videos
        labels = DistinctLabels.of(videos)
    }

    private var ids: [String] { videos.indices.map { "\($0 + 1)" } }

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                project(to: &json)
                config(to: &json)
                attributes(to: &json)
                files(to: &json)
                metadata(to: &json)
                json.key("view")
                json.object { json in
                    for id in ids {
                        json.key(id)
                        json.object { $0.member("fid_list", [id]) }
                    }
                }
            }
        }
    }

    /// The marks are VIA's own: it puts a project's number in their place when it is shared.
    private func project(to json: inout JSONWriter) {
        json.key("project")
        json.object { json in
            json.member("pid", "__VIA_PROJECT_ID__")
            json.member("rev", "__VIA_PROJECT_REV_ID__")
            json.member("rev_timestamp", "__VIA_PROJECT_REV_TIMESTAMP__")
            json.member("pname", videos.count == 1 ? videos[0].baseName : "\(videos.count) videos")
            json.member("creator", "Vigil")
            json.member("created", 0)
            json.member("data_format_version", "3.1.1")
            json.member("vid_list", ids)
        }
    }

    private func config(to json: inout JSONWriter) {
        json.key("config")
        json.object { json in
            json.key("file")
            json.object { json in
                json.key("loc_prefix")
                json.object { json in for place in 1...4 { json.member("\(place)", "") } }
            }
            json.key("ui")
            json.object { json in
                json.member("file_content_align", "center")
                json.member("file_metadata_editor_visible", true)
                json.member("spatial_metadata_editor_visible", true)
                json.member("temporal_segment_metadata_editor_visible", true)
                json.member("spatial_region_label_attribute_id", "")
                json.member("gtimeline_visible_row_count", "4")
            }
        }
    }

    private func attributes(to json: inout JSONWriter) {
        json.key("attribute")
        json.object { json in
            json.key(Self.label)
            json.object { json in
                json.member("aname", "label")
                json.member("anchor_id", "FILE1_Z2_XY0")
                // A list to choose from.
                json.member("type", 4)
                json.member("desc", "Class of the segment")
                json.key("options")
                json.object { json in
                    for (index, label) in labels.enumerated() { json.member("\(index)", label) }
                }
                json.member("default_option_id", "")
            }
            json.key(Self.score)
            json.object { json in
                json.member("aname", "score")
                json.member("anchor_id", "FILE1_Z2_XY0")
                // A text.
                json.member("type", 1)
                json.member("desc", "Highest coarse score of the segment")
                json.key("options")
                json.object { _ in }
                json.member("default_option_id", "")
            }
        }
    }

    private func files(to json: inout JSONWriter) {
        json.key("file")
        json.object { json in
            for (id, video) in zip(ids, videos) {
                json.key(id)
                json.object { json in
                    json.member("fid", id)
                    json.member("fname", video.baseName)
                    // A video, which the annotator is to name: a page can't open a file by its path.
                    json.member("type", 4)
                    json.member("loc", 1)
                    json.member("src", "")
                }
            }
        }
    }

    private func metadata(to json: inout JSONWriter) {
        json.key("metadata")
        json.object { json in
            for (id, video) in zip(ids, videos) {
                for (index, segment) in video.segments.enumerated() {
                    json.key("\(id)_\(index + 1)")
                    json.object { json in
                        json.member("vid", id)
                        json.member("flg", 0)
                        json.key("z")
                        json.array([segment.start, segment.end]) { json, snippet in
                            json.number(video.seconds(at: snippet)?.toMilliseconds ?? 0)
                        }
                        json.key("xy")
                        json.array([Int]()) { $0.number($1) }
                        json.key("av")
                        json.object { json in
                            json.member(
                                Self.label,
                                "\(labels.firstIndex { $0.hasBytes(of: segment.label) } ?? 0)")
                            json.member(Self.score, "\(segment.score)")
                        }
                    }
                }
            }
        }
    }
}
