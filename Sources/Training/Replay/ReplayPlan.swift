import Datasets
import JSON
import Platform

/// The steps of a replay, as a JSON file names them: which videos, their labels, and the optimizer's numbers.
///
/// ```
/// {"learning_rate": 1e-3, "weight_decay": 0.01, "contrast_weight": 0.1, "labels": ["normal", "fighting", …],
///  "steps": [[{"features": "a.npy", "label": "normal"}, {"features": "b.npy", "label": "fighting;shooting"}, …], …]}
/// ```
/// Paths are relative to the file's folder. Several labels of a video are joined by `;`.
public struct ReplayPlan: Sendable, Equatable {
    /// One video of a step.
    public struct Video: Sendable, Equatable {
        /// Where its features are.
        public let path: String
        /// Its labels' indexes.
        public let classes: [Int]
    }

    /// What a file may hold at most.
    public enum Limits {
        /// Bytes of the file.
        public static let bytes = 64 << 20
        /// Steps.
        public static let steps = 100_000
        /// Videos of a step.
        public static let videos = 4096
    }

    /// The rate of every step.
    public let learningRate: Float
    /// AdamW's weight decay.
    public let weightDecay: Float
    /// What the contrast loss counts.
    public let contrastWeight: Float
    /// Class labels, the normal one first.
    public let labels: [String]
    /// The videos of each step.
    public let steps: [[Video]]
    /// Members of the file that nobody reads.
    public let unread: [String]

    /// Reads the file at `path`.
    public init(path: String) throws(ReplayError) {
        let bytes: [UInt8]
        do { bytes = try SmallFile(path, maxBytes: Limits.bytes).bytes } catch { throw .unreadable(error.description) }
        let folder = path.utf8.lastIndex(of: ASCII.slash).map { String(path[...$0]) } ?? ""
        try self.init(bytes, path: path, folder: folder)
    }

    /// Reads the text of a file.
    ///
    /// - Parameter folder: what relative paths are behind, with its slash
    init(_ bytes: [UInt8], path: String, folder: String) throws(ReplayError) {
        let json: JSONValue
        do { json = try JSONReader.parse(bytes, maxBytes: Limits.bytes) } catch {
            throw .bad(path: path, problem: "is \(error.description)")
        }
        guard case .object(let members) = json else { throw .bad(path: path, problem: "holds no JSON object") }
        let reading = Reading(path: path, folder: folder)
        learningRate = try reading.number(json, "learning_rate")
        weightDecay = try reading.number(json, "weight_decay")
        contrastWeight = try reading.number(json, "contrast_weight")
        let labels = try reading.labels(json["labels"])
        self.labels = labels
        steps = try reading.steps(json["steps"], labels: labels)
        let known = ["learning_rate", "weight_decay", "contrast_weight", "labels", "steps"]
        unread = members.map(\.name).filter { name in !known.contains { name.hasBytes(of: $0) } }
    }
}

/// A file of steps while it is read.
private struct Reading {
    let path: String
    let folder: String

    func bad(_ problem: String) -> ReplayError { .bad(path: path, problem: problem) }

    func number(_ json: JSONValue, _ name: String) throws(ReplayError) -> Float {
        guard let value = json[name] else { throw bad("has no \"\(name)\"") }
        guard let number = value.double, number >= 0, Float(number).isFinite else {
            throw bad("has a \"\(name)\" that is no number from 0 on")
        }
        return Float(number)
    }

    func labels(_ json: JSONValue?) throws(ReplayError) -> [String] {
        guard let names = json?.array?.map(\.string), names.count > 1, !names.contains(nil) else {
            throw bad("has no \"labels\": expected an array of at least two texts, the normal class first")
        }
        return names.compactMap { $0 }
    }

    func steps(_ json: JSONValue?, labels: [String]) throws(ReplayError) -> [[ReplayPlan.Video]] {
        guard let steps = json?.array, !steps.isEmpty else {
            throw bad("has no \"steps\": expected an array of arrays of videos")
        }
        guard steps.count <= ReplayPlan.Limits.steps else {
            throw bad("has \(steps.count) steps: expected at most \(ReplayPlan.Limits.steps)")
        }
        let spelling = LabelSpelling.matching(labels)
        var all: [[ReplayPlan.Video]] = []
        for (index, step) in steps.enumerated() {
            guard let videos = step.array, !videos.isEmpty, videos.count <= ReplayPlan.Limits.videos else {
                throw bad("step \(index + 1) is no array of 1 to \(ReplayPlan.Limits.videos) videos")
            }
            var read: [ReplayPlan.Video] = []
            for video in videos { read.append(try self.video(video, step: index + 1, spelling)) }
            all.append(read)
        }
        return all
    }

    private func video(
        _ json: JSONValue, step: Int, _ spelling: LabelSpelling
    ) throws(ReplayError) -> ReplayPlan.Video {
        guard let file = json["features"]?.string, !file.isEmpty, !file.utf8.contains(0) else {
            throw bad("a video of step \(step) has no \"features\": expected the path of an .npy file")
        }
        guard let label = json["label"]?.string else {
            throw bad("\(quoted(file, limit: 200)) of step \(step) has no \"label\"")
        }
        let classes: [Int]
        do { classes = try spelling.indexes(in: label) } catch {
            throw bad("has a wrong label: \(quoted(file, limit: 200)) of step \(step): \(error.description)")
        }
        return ReplayPlan.Video(path: file.utf8.first == ASCII.slash ? file : folder + file, classes: classes)
    }
}

/// Steps that can't be replayed, and why.
public enum ReplayError: Error, Equatable, CustomStringConvertible {
    /// A file that can't be read.
    case unreadable(String)
    /// What is wrong in a file.
    case bad(path: String, problem: String)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .unreadable(let sentence): sentence
        case .bad(let path, let problem): "\(path) \(problem)"
        }
    }
}
