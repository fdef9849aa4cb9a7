import API
import Extraction
import Formats
import Frames
import JSON
import Platform
import Scoring
import VadCLIP

/// What came of a video, to be told and written beside its features.
struct ExtractDocument {
    let input: String
    let extraction: Extraction
    let settings: ExtractionSettings
    let tower: LoadedTower
    let seconds: Double
    /// Of a video that was decoded.
    var video: ExtractedVideo?
    /// Of one that came at its own rate.
    var realTime: RealTimeReport?

    /// Frames a second, 16 a row; nil where no times are known.
    var rate: Double? { extraction.rate.map { video?.outcome.facts.settled($0) ?? $0 } }

    private var rows: Int { extraction.features.first?.rows ?? 0 }

    /// Throws where there are no rows to write, or none that can be scored.
    func check() throws(Failure) {
        for features in extraction.features {
            guard let index = features.firstNotFinite else { continue }
            throw Failure(
                .badData,
                "\(input): the feature of row \(index / max(features.columns, 1)) is not finite: nothing can be made of these "
                    + "frames by this tower")
        }
        guard rows == 0 else { return }
        guard extraction.frames > 0 else { throw Failure(.badData, "\(input): it has no frames") }
        throw Failure(
            .badData,
            "\(input): it has \(counted(extraction.frames, "frame")), fewer than the \(settings.framesPerRow) of a row: "
                + "--tail keep makes a row of them")
    }

    /// What is doubtful about the features.
    var warnings: [String] {
        var warnings: [String] = []
        if extraction.sizes.count > 1 {
            warnings.append(
                "its frames are of several sizes: \(extraction.sizes.map(\.description).joined(separator: ", "))")
        }
        warnings += video?.outcome.warnings ?? []
        if video != nil { warnings += [settings.advice(rate: rate)].compactMap { $0 } }
        guard let features = extraction.features.first else { return warnings }
        let check = FeatureCheck(width: features.columns)
        let found = try? check.accept(
            shape: [features.rows, features.columns], values: features.values, elementType: "float32", order: "C")
        return warnings + (found?.report.warnings ?? [])
    }

    /// The file beside the features: how they were made.
    func recipe(_ index: Int, features path: String) -> [UInt8] {
        let recipe = settings.recipes[index]
        let features = extraction.features[index]
        let array = DecodedArray(
            shape: [features.rows, features.columns], elementType: .float32, values: features.values)
        return JSONWriter.document { json in
            json.object { json in
                json.member("vigil", Vigil.version)
                json.member("input", input)
                json.member("frames", extraction.frames)
                json.member("rows", features.rows)
                json.member("width", features.columns)
                json.member("tail_frames", extraction.tailFrames)
                json.member("frame_sizes", extraction.sizes.map(\.description))
                json.member("features_sha256", array.digest)
                video?.write(to: &json)
                if let rate {
                    json.member("fps", rate)
                    json.key("times")
                    json.array(RecipeTimes.rounded(extraction.times)) { $0.number($1) }
                }
                json.key("recipe")
                json.object { json in
                    json.member("name", recipe.kind.rawValue)
                    json.member("crop", recipe.crop)
                    json.member("resolution", recipe.resolution)
                    json.member("pool", settings.pooling.rawValue)
                    json.member("frames_per_row", settings.framesPerRow)
                    json.member("tail", settings.tail.rawValue)
                    json.member("compute", settings.compute.rawValue)
                    json.member("cadence", settings.cadence.rawValue)
                    json.member("text", settings.text(of: recipe))
                }
                json.member("recipe_sha256", settings.digest(of: recipe))
                json.key("tower")
                json.object { json in
                    json.member("sha256", tower.digest)
                    json.member("source_sha256", tower.source)
                    json.member("kernels", tower.kernels)
                }
            }
        }
    }

    /// A line for a program.
    func json(outputs: [String]) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", input)
                json.member("features", outputs)
                json.member("frames", extraction.frames)
                json.member("rows", rows)
                json.member("tail_frames", extraction.tailFrames)
                if let rate { json.member("fps", rate) }
                if let video { json.member("truncated", video.outcome.isTruncated) }
                json.member("recipes_sha256", settings.recipes.map { settings.digest(of: $0) })
                json.member("tower_sha256", tower.digest)
                json.member("compute", settings.compute.rawValue)
                json.member("seconds", seconds)
                json.member("frames_per_second", seconds > 0 ? Double(extraction.frames) / seconds : nil)
                if let seconds = video?.processorSeconds {
                    json.member("decoder_processor_seconds", seconds)
                }
                realTime?.write(to: &json)
                json.member("warnings", warnings)
            }
        }
    }

    /// A line for a person.
    func line(outputs: [String]) -> String {
        let left = extraction.tailFrames
        let tail =
            left == 0 ? "" : settings.tail == .drop ? ", the last \(left) in no row" : ", the last row of \(left)"
        let places = outputs.count == 1 ? outputs[0] : "\(outputs[0]) to \(outputs[outputs.count - 1])"
        let rate = seconds > 0 ? ", \(ReportText.fixed(Double(extraction.frames) / seconds, 1)) frames a second" : ""
        return "\(places): \(counted(rows, "row")) of \(extraction.features.first?.columns ?? 0) from "
            + "\(counted(extraction.frames, "frame"))\(tail)\(rate)" + (realTime.map { "\n" + $0.text } ?? "")
    }
}
