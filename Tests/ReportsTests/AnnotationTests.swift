import JSON
import TestSupport
import Testing

@testable import Reports

@Suite("Segments in the forms of tools that people annotate with")
struct AnnotationTests {
    @Test("COCO has an image and an annotation a segment, which point at each other, at their video and at their class")
    func coco() throws {
        var second = Samples.video("b.mp4")
        second.size = ReportedSize(width: 320, height: 240)
        let json = try Samples.json(.coco, Samples.video("clips/a.mp4"), second)
        let videos = try #require(json["videos"]?.array)
        let images = try #require(json["images"]?.array)
        let annotations = try #require(json["annotations"]?.array)
        let categories = try #require(json["categories"]?.array)
        #expect(videos.map { $0["name"]?.string } == ["a.mp4", "b.mp4"])
        #expect(
            categories.map { $0["name"]?.string } == Samples.labels
                && categories.map { $0["id"]?.integer } == [1, 2, 3])
        #expect(annotations.count == 4 && Set(annotations.map { $0["id"]?.integer }).count == 4)
        for (place, one) in annotations.enumerated() {
            let image = try #require(images.first { $0["id"]?.integer == one["image_id"]?.integer })
            #expect(image["video_id"]?.integer == one["video_id"]?.integer && one["video_id"]?.integer == place / 2 + 1)
            let frame = try #require(image["frame_index"]?.integer)
            let start = try #require(one["start_frame"]?.integer)
            let end = try #require(one["end_frame"]?.integer)
            #expect(start <= frame && frame < end && (start, end) == (place % 2 == 0 ? (160, 320) : (480, 512)))
            let box = try #require(one["bbox"]?.array?.map(\.integer))
            #expect(box == (place < 2 ? [0, 0, 1, 1] : [0, 0, 320, 240]))
            #expect(one["area"]?.integer == (place < 2 ? 1 : 76_800) && one["iscrowd"]?.integer == 0)
            #expect(image["width"]?.integer == box[2] && one["segmentation"]?.array?.isEmpty == true)
        }
        #expect(annotations.map { $0["category_id"]?.integer } == [2, 3, 2, 3])
        #expect(annotations[0]["start_seconds"]?.double == 5.333 && annotations[0]["score"]?.double == 0.69)
        // The highest of 10 to 19 is the last.
        #expect(images[0]["frame_index"]?.integer == 19 * 16 + 8)
    }

    @Test("DIVE's JSON has a track a segment, from its first frame to its last")
    func diveJSON() throws {
        var video = Samples.video("a.mp4")
        video.size = ReportedSize(width: 320, height: 240)
        let json = try Samples.json(.diveJSON, video)
        #expect(json["version"]?.integer == 2 && json["groups"] == .object([]))
        guard case .object(let tracks)? = json["tracks"] else {
            Issue.record("no tracks")
            return
        }
        #expect(tracks.map(\.name) == ["0", "1"])
        let track = tracks[0].value
        #expect((track["id"]?.integer, track["begin"]?.integer, track["end"]?.integer) == (0, 160, 319))
        let pair = try #require(track["confidencePairs"]?.array?.first?.array)
        #expect(pair[0].string == "fighting" && pair[1].double == 0.69)
        let features = try #require(track["features"]?.array)
        #expect(features.map { $0["frame"]?.integer } == [160, 319])
        #expect(features.allSatisfy { $0["bounds"]?.array?.map(\.integer) == [0, 0, 320, 240] })
        #expect(features.allSatisfy { $0["keyframe"] == .bool(true) && $0["interpolate"] == .bool(true) })
    }

    @Test("VIAME's CSV has its titles, and a row a frame of each track with eleven cells")
    func diveCSV() throws {
        let rows = csvRows(try Samples.text(.diveCSV, Samples.video("a.mp4")))
        #expect(rows[0].first == "# 1: Detection or Track-id" && rows[0].count == 11)
        #expect(rows[1].prefix(2) == ["# metadata", "fps: 30.0"])
        let data = rows.dropFirst(2)
        #expect(data.count == 160 + 32 && data.allSatisfy { $0.count == 11 })
        #expect(data.prefix(160).map { $0[2] } == (160..<320).map { "\($0)" })
        #expect(Set(data.prefix(160).map { $0[0] }) == ["0"] && Set(data.dropFirst(160).map { $0[0] }) == ["1"])
        let first = try #require(data.first)
        #expect(first == ["0", "00:00:05.333333", "160", "0", "0", "1", "1", "0.69", "-1", "fighting", "0.69"])
        #expect(data.last?[9] == "road, accident")
        #expect(csvRows(try Samples.text(.diveCSV, Samples.video(fps: nil)))[2][1] == "")
    }

    @Test("ActivityNet's JSON has what its evaluation asks of annotations and of results, by names that differ")
    func activityNet() throws {
        let json = try Samples.json(.activityNet, Samples.video("x/a.mp4"), Samples.video("y/a.mp4"))
        for key in ["database", "taxonomy", "version", "results", "external_data"] {
            #expect(json[key] != nil, "\(key)")
        }
        for key in ["database", "results"] {
            guard case .object(let videos)? = json[key] else {
                Issue.record("\(key) is no object")
                return
            }
            #expect(videos.map(\.name) == ["a", "a-2"])
        }
        #expect(json["database"]?["a"]?["duration"]?.double == 21.333)
        let annotation = try #require(json["database"]?["a"]?["annotations"]?.array?.first)
        #expect(
            annotation["label"]?.string == "fighting" && annotation["segment"]?.array?.map(\.double) == [5.333, 10.667])
        let result = try #require(json["results"]?["a-2"]?.array?.last)
        #expect(result["score"]?.double == 0.9 && result["segment"]?.array?.map(\.double) == [16, 17.067])
        let nodes = try #require(json["taxonomy"]?.array)
        #expect(nodes.map { $0["nodeName"]?.string } == ["Root"] + Samples.labels)
    }

    @Test("VIA's project has a view and a file a video, and stretches of time that point at both")
    func via() throws {
        let json = try Samples.json(.via, Samples.video("x/a.mp4"), Samples.video("b.mp4"))
        #expect(json["project"]?["vid_list"]?.array?.map(\.string) == ["1", "2"])
        for id in ["1", "2"] {
            #expect(json["view"]?[id]?["fid_list"]?.array?.map(\.string) == [id])
            #expect(json["file"]?[id]?["fid"]?.string == id && json["file"]?[id]?["type"]?.integer == 4)
        }
        #expect(json["file"]?["1"]?["fname"]?.string == "a.mp4")
        guard case .object(let options)? = json["attribute"]?["1"]?["options"],
            case .object(let stretches)? = json["metadata"]
        else {
            Issue.record("no classes or no stretches")
            return
        }
        #expect(json["attribute"]?["1"]?["anchor_id"]?.string == "FILE1_Z2_XY0")
        #expect(stretches.map { $0.value["vid"]?.string } == ["1", "1", "2", "2"])
        #expect(
            stretches[1].value["z"]?.array?.map(\.double) == [16, 17.067] && stretches[1].value["xy"] == .array([]))
        let chosen = try #require(stretches[1].value["av"]?["1"]?.string)
        #expect(options.first { $0.name == chosen }?.value.string == "road, accident")
    }
}
