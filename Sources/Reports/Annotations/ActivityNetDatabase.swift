import JSON
import Platform

/// Segments in ActivityNet's form, version 1.3: as annotations (`database`, `taxonomy`), and with their scores as the results
/// of a detection (`results`), which its evaluation takes.
struct ActivityNetDatabase {
    private let videos: [(name: String, video: ReportedVideo)]
    private let labels: [String]

    init(_ videos: [ReportedVideo]) {
        var taken: Set<ByteText> = []
        self.videos = videos.map { video in
            let plain = video.plainName
            var name = plain
            var number = 2
            while !taken.insert(ByteText(name)).inserted { (name, number) = ("\(plain)-\(number)", number + 1) }
            return (name, video)
        }
        labels = DistinctLabels.of(videos)
    }

    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("version", "VERSION 1.3")
                json.key("database")
                json.object { json in
                    for (name, video) in videos {
                        json.key(name)
                        annotations(of: video, to: &json)
                    }
                }
                json.key("taxonomy")
                taxonomy(to: &json)
                json.key("results")
                json.object { json in
                    for (name, video) in videos {
                        json.key(name)
                        json.array(video.segments) { json, segment in
                            json.object { json in
                                json.member("label", segment.label)
                                json.member("score", segment.score)
                                times(of: segment, in: video, to: &json)
                            }
                        }
                    }
                }
                json.key("external_data")
                json.object { json in
                    json.member("used", true)
                    json.member("details", "CLIP's image encoder")
                }
            }
        }
    }

    private func annotations(of video: ReportedVideo, to json: inout JSONWriter) {
        json.object { json in
            json.member("duration", video.seconds?.toMilliseconds)
            json.member("subset", "testing")
            if let size = video.size { json.member("resolution", "\(size.width)x\(size.height)") }
            json.member("url", video.name)
            json.key("annotations")
            json.array(video.segments) { json, segment in
                json.object { json in
                    json.member("label", segment.label)
                    times(of: segment, in: video, to: &json)
                }
            }
        }
    }

    private func times(of segment: ReportedSegment, in video: ReportedVideo, to json: inout JSONWriter) {
        json.key("segment")
        json.array([segment.start, segment.end]) { json, snippet in
            json.number(video.seconds(at: snippet)?.toMilliseconds ?? 0)
        }
    }

    /// One node for each label, below a root.
    private func taxonomy(to json: inout JSONWriter) {
        json.array(0...labels.count) { json, node in
            json.object { json in
                json.member("nodeId", node)
                json.member("nodeName", node == 0 ? "Root" : labels[node - 1])
                json.member("parentId", node == 0 ? nil : 0)
                json.member("parentName", node == 0 ? nil : "Root")
            }
        }
    }
}

extension ReportedVideo {
    /// The last part of the name without its ending, as ActivityNet calls videos.
    var plainName: String {
        let name = baseName
        guard let dot = name.utf8.lastIndex(of: UInt8(ascii: ".")), dot != name.startIndex else { return name }
        return String(name[..<dot])
    }
}
