import Datasets
import Extraction
import Formats
import Platform
import Tensors
import VadCLIP

/// A folder of made-up scenes as datasets come: features, a training list with labels of whole clips, a test list, and the
/// test clips' events as annotations; with the text tower and the vocabulary that a training needs.
public struct SceneFolder {
    /// Where it is.
    public let path: String
    /// What the clips are of.
    public let world: SceneWorld

    /// Files beside the features.
    public enum File: String, CaseIterable, Sendable {
        case training = "train.csv"
        case test = "test.csv"
        case annotations = "annotations.csv"
        case tower = "clip.safetensors"
        case vocabulary = "vocabulary.txt"
    }

    /// A folder that is made, with those above it; throws where it holds scenes already.
    public init(making path: String, seed: UInt64) throws(FileError) {
        self.path = path
        world = SceneWorld(seed: seed)
        try WorkFolder.make(path)
        let list = "\(path)/\(File.training.rawValue)"
        guard access(list, F_OK) != 0 else {
            throw .notWritable(path: path, reason: "it holds scenes already: remove them, or name another folder")
        }
        try WorkFolder.make("\(path)/features")
    }

    /// Writes all of it, the training list last; returns what the lists hold.
    ///
    /// - Parameters:
    ///   - training: how many training clips
    ///   - test: how many test clips
    ///   - encoder: makes features of frames
    ///   - threads: those that draw and encode
    ///   - film: given each test clip, by several threads at once
    public func write<Encoder: FrameEncoder>(
        training: Int, test: Int, by encoder: Encoder, threads: Int,
        film: @escaping @Sendable (SceneClip) throws -> Void = { _ in }
    ) throws -> (training: ListSummary, test: ListSummary, events: Int) {
        try writeTextTower()
        let settings = try Self.settings(for: encoder)
        var writer = Writer(path: path, settings: settings, encoder: encoder, threads: threads, film: film)
        let tested = try writer.write(test) { [world] in world.testClip($0) }
        try write(table(of: tested), to: .test)
        try write(annotations(of: tested), to: .annotations)
        writer.film = { _ in }
        let trained = try writer.write(training) { [world] in world.trainingClip($0) }
        try write(table(of: trained), to: .training)
        return (try summary(.training), try summary(.test), tested.reduce(0) { $0 + $1.events.count })
    }

    /// Writes the text tower and the vocabulary alone.
    public func writeTextTower() throws {
        try write(SceneVocabulary.text, to: .vocabulary)
        try SafetensorsWriter(tensors: SceneTextTower(seed: world.seed).tensors).write(to: path(of: .tower))
    }

    /// Where a file is.
    public func path(of file: File) -> String { "\(path)/\(file.rawValue)" }

    /// How frames become rows, as `vigil extract` makes them unless it is told otherwise.
    public static func settings(for encoder: some FrameEncoder) throws -> ExtractionSettings {
        ExtractionSettings(recipes: [try SceneClip.recipe(resolution: encoder.resolution)])
    }

    /// A clip without its frames: what lists and annotations say.
    private struct Listed: Sendable {
        let name: String
        let label: String
        let events: [SceneClip.Event]
    }

    /// Makes features of clips, several at once.
    private struct Writer<Encoder: FrameEncoder> {
        let path: String
        let settings: ExtractionSettings
        let encoder: Encoder
        let threads: Int
        var film: @Sendable (SceneClip) throws -> Void

        func write(_ count: Int, _ clip: @escaping @Sendable (Int) -> SceneClip) throws -> [Listed] {
            let crew = TaskCrew(threads: threads, name: "vigil-scenes")
            let all = Monitor((listed: [Listed?](repeating: nil, count: count), fault: (any Error)?.none))
            crew.run(count) { index, _ in
                guard all.withLock({ $0.fault == nil }) else { return }
                do {
                    let made = clip(index)
                    try write(made)
                    try film(made)
                    all.withLock {
                        $0.listed[index] = Listed(name: made.name, label: made.label, events: made.events)
                    }
                } catch {
                    all.withLock { $0.fault = error }
                }
            }
            let (listed, fault) = all.withLock { ($0.listed, $0.fault) }
            if let fault { throw fault }
            return listed.compactMap(\.self)
        }

        private func write(_ clip: SceneClip) throws {
            let found = try Extractor(settings, encoder: encoder, threads: 1).extract(clip.source)
            var file = try AtomicFile(path: "\(path)/features/\(clip.name).npy")
            for rows in found.features {
                try file.write(NPYWriter.encode(rows.values, rows: rows.rows, columns: rows.columns))
            }
            try file.commit(isFlushed: false)
        }
    }

    private func table(of clips: [Listed]) -> String {
        "path,label\n" + clips.map { "features/\($0.name).npy,\($0.label)\n" }.joined()
    }

    private func annotations(of clips: [Listed]) -> String {
        "video,label,start,end\n"
            + clips.map { clip in
                guard !clip.events.isEmpty else { return "\(clip.name),normal,,\n" }
                return clip.events.map { event in
                    "\(clip.name),\(event.kind.rawValue),\(event.frames.lowerBound),\(event.frames.upperBound)\n"
                }.joined()
            }.joined()
    }

    private func write(_ text: String, to file: File) throws {
        var written = try AtomicFile(path: path(of: file))
        try written.write(Array(text.utf8))
        try written.commit()
    }

    private func summary(_ file: File) throws -> ListSummary {
        let list = try VideoList(path: path(of: file))
        let spelling = LabelSpelling(classes: SceneEvent.labels)
        return ListSummary(list, classes: try list.classes(spelling), spelling: spelling)
    }
}
