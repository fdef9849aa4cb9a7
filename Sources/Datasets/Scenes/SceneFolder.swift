import Formats
import Platform
import Tensors

/// A folder of made-up scenes as datasets come: features, a training list with labels of whole videos, a test list, and
/// the test videos' events as annotations; with the text tower and the vocabulary that a training needs.
public struct SceneFolder {
    /// Where it is.
    public let path: String
    private let world: SceneWorld

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
    public func write(training: Int, test: Int) throws -> (training: ListSummary, test: ListSummary, events: Int) {
        let tested = try write(videos: (0..<test).lazy.map(world.testVideo))
        try write(table(of: tested), to: .test)
        try write(annotations(of: tested), to: .annotations)
        try write(SceneVocabulary.text, to: .vocabulary)
        try SafetensorsWriter(tensors: SceneTower(seed: world.seed).tensors).write(to: path(of: .tower))
        let trained = try write(videos: (0..<training).lazy.map(world.trainingVideo))
        try write(table(of: trained), to: .training)
        return (try summary(.training), try summary(.test), tested.reduce(0) { $0 + $1.events.count })
    }

    /// Where a file is.
    public func path(of file: File) -> String { "\(path)/\(file.rawValue)" }

    /// A video without its rows: what lists and annotations say.
    private struct Listed {
        let name: String
        let label: String
        let events: [SceneVideo.Event]
    }

    private func write(videos: some Sequence<SceneVideo>) throws -> [Listed] {
        var listed: [Listed] = []
        for video in videos {
            var file = try AtomicFile(path: "\(path)/features/\(video.name).npy")
            let rows = video.features
            try file.write(NPYWriter.encode(rows.values, rows: rows.rows, columns: rows.columns))
            try file.commit(isFlushed: false)
            listed.append(Listed(name: video.name, label: video.label, events: video.events))
        }
        return listed
    }

    private func table(of videos: [Listed]) -> String {
        "path,label\n" + videos.map { "features/\($0.name).npy,\($0.label)\n" }.joined()
    }

    private func annotations(of videos: [Listed]) -> String {
        "video,label,start,end\n"
            + videos.map { video in
                guard !video.events.isEmpty else { return "\(video.name),normal,,\n" }
                return video.events.map { event in
                    "\(video.name),\(event.kind.rawValue),\(event.frames.lowerBound),\(event.frames.upperBound)\n"
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
