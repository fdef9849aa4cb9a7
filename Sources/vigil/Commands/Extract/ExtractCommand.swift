import ArgumentParser
import CLIP
import Extraction
import Formats
import Frames
import Platform
import Tensors
import VadCLIP
import Video

/// `vigil extract`.
struct ExtractCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extract", abstract: "Make features of videos, or of their frames, by a model's image tower.",
        discussion: """
            Each input is one video: a file in \(VideoContainer.names), which ffmpeg decodes; a folder of such is each of them. Or \
            its frames: a .ppm or .pgm file of one or many images, a folder of such, an .npy file of uint8 [N, \
            H, W, 3], or with --size raw RGB, such as ffmpeg writes to standard input, which is called -. DIR/NAME.npy has a \
            row for every 16 frames, as vigil score and POST /score take them, and DIR/NAME.json says how it was made, and when \
            each row is. Videos whose features are there are passed over, unless they or the recipe have changed. An \
            input that can't be used is told and the others are done; the exit code is 65 then, or 66 if all that failed \
            could not be opened. A video may have up to \(Extractor<ImageTower>.mostNumbers) numbers of features, 77 hours of one crop at \
            30 frames a second. docs/extraction.md explains the recipes, docs/video.md how videos are decoded.
            """)

    @Argument(help: "The videos, or their frames: files, folders, or - for standard input.")
    var inputs: [String] = []
    @Option(
        help: """
            The model file, imported with --keep-image-tower. (default: VIGIL_MODEL, or the config file's; the embedded demo, \
            whose features mean nothing to others)
            """)
    var model: String?
    @Option(
        help: """
            The folder to write to; it is made where it is not there. Features in it are replaced where their recipe is \
            beside them; no other file is.
            """)
    var output: String?
    @OptionGroup(title: "How") var recipe: RecipeChoice
    @Option(
        help:
            "The inputs are raw frames of this size, such as 640x360: 3 bytes a pixel, R G B by rows. An .npy file needs none."
    )
    var size: String?
    @OptionGroup(title: "Videos") var videos: VideoOptions
    @Flag(help: "Make features of videos again that are there already.")
    var again = false
    @Flag(
        help: """
            Take frames no sooner than a camera gives them, each at its time, and tell whether rows were made as fast and how \
            many such cameras the processors carry.
            """)
    var realtime = false
    @Option(
        help:
            "With --realtime: frames a second of a source that knows no times, such as a pipe of raw frames. (default: 30)"
    )
    var fps: Double?
    @Option(
        help: """
            Tell which recipe, crop, pool and offset come nearest to these features of the same video, and how near. Offset \
            3 means frames[3:].
            """)
    var compare: String?
    @OptionGroup var general: SettingGroup<ExtractSettings.General>

    func run() throws {
        let size = try frameSize
        try check()
        let choice = try recipe.checked()
        let own = ["model": model.map { [$0] }].compactMapValues(\.self)
        let settings = try Settings(.extract, options: general.given, own)
        let model = try settings.model()
        let inputs = try VideoFolder.expanded(inputs)
        let ffmpeg = try videos.ffmpeg(for: size == nil ? inputs : [])
        let others = [compare, model?.path].compactMap { $0 }
        let outputs = try output.map {
            try ExtractOutputs($0, inputs: inputs, others: others, crops: choice.crops)
        }
        let released = try compare.map { try ReleasedFeatures($0) }
        let kernels = try settings.kernels()
        let tower = try LoadedTower(model?.path, kernels: kernels)
        let threads = try settings.integer(ifSet: "workers") ?? Processors.count
        let extraction = try choice.settings(resolution: tower.tower.resolution, compute: kernels.compute)
        try released?.check(width: tower.tower.outputWidth)
        try outputs?.make()
        if model == nil {
            Terminal.note(
                "features are made by the embedded demo's tower, for its model alone; name another by --model")
        }
        var failures = FileFailures(of: inputs.count)
        for input in inputs {
            do {
                let video = FramesInput(path: input, size: size, ffmpeg: ffmpeg)
                if let released {
                    try Self.compare(
                        video, released, tower, framesPerRow: choice.framesPerRow, compute: kernels.compute,
                        threads: threads)
                }
                guard let outputs else { continue }
                if !again, ffmpeg != nil, try outputs.isDone(input, extraction, tower) { continue }
                let stamp = ExtractedVideo.Stamp(input)
                let bar = ExtractBar(name: input)
                defer { bar.clear() }
                let begun = MonotonicTime.now
                let worked = ProcessClock.seconds
                var decoded: VideoFrames?
                var paced: PacedFrames?
                let made: Extraction = try video.naming { () throws(FrameError) in
                    let source = try video.open(only: extraction.selection)
                    decoded = source as? VideoFrames
                    let expected = decoded?.expectedCount
                    paced = realtime ? PacedFrames(source, rate: fps ?? RealTimeReport.rate) : nil
                    let given: any FrameSource = paced ?? source
                    return try Extractor(extraction, encoder: tower.tower, threads: threads)
                        .extract(given) { bar.show($0.frames, of: $0.count ?? expected) }
                }
                bar.clear()
                let realTime = paced.map { paced in
                    let behind = paced.secondsBehind(at: .now)
                    return RealTimeReport(
                        paced.pace, rows: made.features.first?.rows ?? 0, secondsBehind: behind,
                        processorSeconds: ProcessClock.seconds - worked
                            + (decoded?.processorSeconds ?? 0), processors: threads)
                }
                let document = ExtractDocument(
                    input: input, extraction: made, settings: extraction, tower: tower,
                    seconds: (MonotonicTime.now - begun).inSeconds,
                    video: ExtractedVideo(decoded, stamp: stamp, by: ffmpeg), realTime: realTime)
                try document.check()
                try tower.check()
                try outputs.write(document)
            } catch {
                try failures.add(error, of: input)
            }
        }
        try failures.end()
    }

    private func check() throws {
        guard !inputs.isEmpty else {
            throw Failure(
                .usage,
                "no input is named: expected frames' files or folders, or - for standard input (vigil help extract)")
        }
        guard inputs.count(where: { $0 == FeatureReader.standardInput }) < 2 else {
            throw Failure(.usage, "- is named more than once: standard input is read once")
        }
        guard output != nil || compare != nil else {
            throw Failure(.usage, "expected --output DIR, where the features are to be written, or --compare FILE.npy")
        }
        guard !realtime || output != nil else {
            throw Failure(
                .usage, "--realtime tells how fast rows are made: expected --output DIR, where they are to be written")
        }
        if let fps {
            guard realtime else { throw Failure(.usage, "--fps is for --realtime: rows' times are the video's own") }
            guard RealTimeReport.rates.contains(fps) else {
                throw Failure(.usage, "--fps \(fps): expected 0.1 to 1000")
            }
        }
        if compare != nil {
            var status = stat()
            // What is not there is told as such where it is opened.
            let canBeRead =
                stat(inputs[0], &status) != 0 || [S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
            guard inputs.count == 1, inputs[0] != FeatureReader.standardInput, canBeRead else {
                throw Failure(.usage, "--compare reads one video twice: expected one file or folder, and no pipe")
            }
        }
    }

    private var frameSize: FrameSize? {
        get throws {
            guard let size else { return nil }
            let sides = size.asciiLowercase.pieces(between: UInt8(ascii: "x")).map { ASCII.number($0.utf8, most: 6) }
            guard sides.count == 2, let width = sides[0], let height = sides[1],
                let found = FrameSize(width: width, height: height)
            else {
                throw Failure(
                    .usage,
                    "--size \(quoted(size)): expected WIDTHxHEIGHT such as 640x360, 1 to \(Frame.longestSide) on a side"
                )
            }
            return found
        }
    }

    private static func compare(
        _ video: FramesInput, _ released: ReleasedFeatures, _ tower: LoadedTower, framesPerRow: Int,
        compute: Compute, threads: Int
    ) throws {
        let bar = ExtractBar(name: video.path, unit: "crops")
        defer { bar.clear() }
        let comparer = RecipeComparer(
            released: released.features, framesPerRow: framesPerRow, encoder: tower.tower, threads: threads)
        let comparison: RecipeComparison = try video.naming { () throws(FrameError) in
            try comparer.compare(opening: { () throws(FrameError) in try video.open() }) { done, all in
                bar.show(done, of: all)
            }
        }
        bar.clear()
        let report = CompareReport(
            input: video.path, released: released.path, framesPerRow: framesPerRow, compute: compute,
            comparison: comparison)
        if Terminal.isInteractive {
            try Terminal.print(Array(report.text.utf8))
        } else {
            try Terminal.print(report.json, asJSON: true)
        }
    }
}

/// An image tower, and whose it is.
struct LoadedTower {
    let tower: ImageTower
    let path: String
    /// SHA-256 of its tensors.
    let digest: String
    /// SHA-256 of the file that it was imported from.
    let source: String
    let kernels: String
    private let file: MappedFile

    /// Throws where the tower's file was written to while it was used: then nobody knows whose features they are.
    func check() throws {
        guard file.isUnchanged else {
            throw Failure(.badData, "\(path) was written to while features were made by it, which are not kept")
        }
    }

    /// - Parameter path: a model file that kept its tower, or a file that holds one alone; nil for the embedded model
    init(_ path: String?, kernels: Kernels) throws {
        let file = try path.map { try MappedFile(path: $0) } ?? Resources.demoModel
        self.path = file.path
        self.file = file
        let kept = try ModelSource.named(file) { () throws(ModelError) in
            try KeptImageTower.open(file, kernels: kernels)
        }
        tower = try ModelSource.named(file) { () throws(ModelError) in try kept.tower() }
        digest = kept.sha256
        source = kept.sourceSHA256
        self.kernels = kernels.name
    }
}

/// Features that are there, to be compared with.
struct ReleasedFeatures {
    let path: String
    let features: Matrix

    init(_ path: String) throws {
        self.path = path
        do {
            let array = try decode(MappedFile(path: path), with: NPYDecoder(limits: ArrayLimits()))
            guard array.shape.count == 2, array.shape[0] > 0 else {
                throw Failure(
                    .badData,
                    "--compare \(path): its shape is \(array.shape): expected [T, width], one crop's rows")
            }
            features = Matrix(rows: array.shape[0], columns: array.shape[1], values: array.values)
        } catch let error as ArrayDecodingError {
            throw Failure(.badData, "--compare \(path): \(error.description)")
        }
        if let index = features.firstNotFinite {
            throw Failure(
                .badData, "--compare \(path): row \(index / features.columns) has a number that is not finite")
        }
    }

    /// Throws unless a tower's features are as wide.
    func check(width: Int) throws {
        guard features.columns == width else {
            throw Failure(
                .badData,
                "--compare \(path): its rows are \(features.columns) wide, and the tower's features \(width)")
        }
    }
}
