import CLIP
import Extraction
import Formats
import Frames
import Platform
import Scoring
import Tensors
import Video

/// What makes features of videos for a command that scores them.
struct VideoScoring {
    let ffmpeg: FFmpeg
    private let tower: LoadedTower
    private let settings: ExtractionSettings
    private let threads: Int

    /// Nil where none of the files is a video.
    ///
    /// - Parameter model: the model file that is scored with; nil for the one that is compiled in
    init?(
        _ files: [String], _ options: VideoOptions, _ recipe: RecipeChoice, model: String?, _ given: Settings
    ) throws {
        guard files.contains(where: VideoOptions.isVideo), let ffmpeg = try options.ffmpeg(for: files) else {
            return nil
        }
        let choice = try recipe.checked()
        guard choice.crops.count == 1 else {
            throw Failure(.usage, "--crop all: expected one crop here; vigil extract makes features of all")
        }
        self.ffmpeg = ffmpeg
        let kernels = try given.kernels()
        tower = try LoadedTower(model, kernels: kernels)
        settings = try choice.settings(resolution: tower.tower.resolution, compute: kernels.compute)
        threads = try given.integer(ifSet: "workers") ?? Processors.count
    }

    /// Features of a video, and when its rows are.
    struct Found {
        let array: DecodedArray
        let source: VideoSource
        let warnings: [String]
        /// Of all frames; nil where they are of several sizes.
        let size: FrameSize?
    }

    /// Decodes a video, and makes features of it.
    func features(of path: String) throws -> Found {
        let input = FramesInput(path: path, size: nil, ffmpeg: ffmpeg)
        let bar = ExtractBar(name: path)
        defer { bar.clear() }
        var frames: VideoFrames?
        let extraction: Extraction = try input.naming { () throws(FrameError) in
            let source = try VideoFrames(VideoFile(path: path), by: ffmpeg, only: settings.selection)
            frames = source
            let expected = source.expectedCount
            return try Extractor(settings, encoder: tower.tower, threads: threads)
                .extract(source) { bar.show($0.frames, of: expected) }
        }
        let document = ExtractDocument(
            input: path, extraction: extraction, settings: settings, tower: tower, seconds: 0)
        try document.check()
        try tower.check()
        let features = extraction.features.first
        var warnings = frames?.outcome?.warnings ?? []
        if extraction.sizes.count > 1 {
            warnings.append(
                "its frames are of several sizes: \(extraction.sizes.map(\.description).joined(separator: ", "))")
        }
        warnings += [settings.advice(rate: document.rate)].compactMap { $0 }
        return Found(
            array: DecodedArray(
                shape: [features?.rows ?? 0, features?.columns ?? 0], elementType: .float32,
                values: features?.values ?? []),
            source: VideoSource(
                sha256: try OpenFile(path: path).sha256(), extraction, frames?.outcome, by: ffmpeg,
                recipeSHA256: settings.digest(of: settings.recipes[0]), towerSHA256: tower.digest),
            warnings: warnings, size: extraction.sizes.count == 1 ? extraction.sizes.first : nil)
    }
}
