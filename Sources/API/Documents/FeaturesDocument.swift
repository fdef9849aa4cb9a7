import Formats
import JSON
import Platform
import Scoring

/// The features of a job in their forms, beside the numbers themselves.
struct FeaturesDocument {
    let features: JobFeatures

    /// When rows begin and the last one ends, to a millisecond; empty where that is not known.
    private var times: [Double] { (features.made?.source.times ?? []).map { ($0 * 1_000).rounded() / 1_000 } }

    /// What tells of them: the members that `vigil extract` writes beside features, as far as there are any.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("vigil", Vigil.version)
                json.member("rows", features.rows)
                json.member("width", features.width)
                json.member("features_sha256", features.sha256)
                guard let made = features.made else { return }
                json.member("frames", made.source.frames)
                json.member("tail_frames", made.tailFrames)
                json.member("frame_sizes", made.sizes)
                if let fps = made.source.fps {
                    json.member("fps", fps)
                    json.key("times")
                    json.array(times) { $0.number($1) }
                }
                write(made, to: &json)
            }
        }
    }

    private func write(_ made: VideoMade, to json: inout JSONWriter) {
        let (source, recipe) = (made.source, made.recipe)
        json.key("video")
        json.object { json in
            json.member("sha256", source.sha256)
            json.member("container", made.container)
            json.member("codec", made.codec)
            json.member("pixel_format", made.pixelFormat)
            json.member("frame_rate", made.rate)
            json.member("duration_seconds", made.duration)
            json.member("rotation", made.rotation)
            json.member("truncated", source.truncatedBy != nil)
            if let cut = source.truncatedBy { json.member("truncated_by", cut) }
            json.member("warnings", made.warnings)
            json.member("ffmpeg", source.ffmpeg)
            json.member("isolation", source.isolation)
        }
        json.key("recipe")
        json.object { json in
            json.member("name", recipe.name)
            json.member("crop", recipe.crop)
            json.member("resolution", recipe.resolution)
            json.member("pool", recipe.pool)
            json.member("frames_per_row", recipe.framesPerRow)
            json.member("tail", recipe.tail)
            json.member("compute", recipe.compute)
            json.member("cadence", recipe.cadence)
            json.member("text", recipe.text)
        }
        json.member("recipe_sha256", source.recipeSHA256)
        json.key("tower")
        json.object { json in
            json.member("sha256", source.towerSHA256)
            json.member("kernels", recipe.kernels)
        }
    }

    /// What an .npy of them begins with.
    var npy: [UInt8] { NPYWriter.header(shape: [features.rows, features.width]) }

    /// What a safetensors file of them begins with, up to the tensor `features`, which is the last one: when rows are comes before.
    func safetensors() throws(SafetensorsError) -> [UInt8] {
        var metadata: [ByteText: String] = [ByteText("features_sha256"): features.sha256]
        if let made = features.made {
            metadata[ByteText("recipe_sha256")] = made.source.recipeSHA256
            metadata[ByteText("recipe")] = made.recipe.text
            metadata[ByteText("tower_sha256")] = made.source.towerSHA256
            metadata[ByteText("video_sha256")] = made.source.sha256
            if let fps = made.source.fps { metadata[ByteText("fps")] = "\(fps)" }
        }
        var tensors: [SafetensorsWriter.Tensor] = []
        var first: [UInt8] = []
        if !times.isEmpty {
            tensors.append(
                SafetensorsWriter.Tensor(name: "times", elementType: .float64, shape: [times.count]) { _ in })
            for time in times { withUnsafeBytes(of: time.bitPattern.littleEndian) { first += $0 } }
        }
        tensors.append(
            SafetensorsWriter.Tensor(
                name: "features", elementType: .float32, shape: [features.rows, features.width]
            ) { _ in })
        return try SafetensorsWriter(metadata: metadata, tensors: tensors).header + first
    }
}
