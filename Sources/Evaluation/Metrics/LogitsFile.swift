public import Datasets
import Platform
public import VadCLIP

extension VideoList {
    /// What is wrong with the rows' files of logits, each of them read, and the snippets of those that are sound.
    public func audit(logits folder: FeatureFolder, classes: Int) -> (findings: [Finding], snippets: [Int?]) {
        var faults: [DatasetError] = []
        var look = LogitsLook()
        let snippets = rows.map { row -> Int? in
            do throws(DatasetError) {
                let logits = try LogitsFile.read(row, in: folder, classes: classes)
                look.see(logits)
                return logits.snippets
            } catch {
                faults.append(error)
                return nil
            }
        }
        return (Finding.each(faults) + look.doubts.map { Finding(doubt: $0) }, snippets)
    }
}

/// What looks wrong with the logits of a list, whatever the order in which they are seen.
public struct LogitsLook: Equatable, Sendable {
    private var snippets = 0
    private var areShares = true
    private var sumToOne = true
    private var areRepeated = true
    /// Rows that would equal the one before them if there was a row for each frame.
    private var compared = 0

    /// Nothing has been seen.
    public init() {}

    /// Looks at a video's logits.
    public mutating func see(_ logits: Logits) {
        snippets += logits.snippets
        areShares = areShares && (logits.coarse + logits.fine).allSatisfy { (0...1).contains($0) }
        sumToOne = sumToOne && (0..<logits.snippets).allSatisfy { abs(logits.fine(of: $0).reduce(0, +) - 1) < 0.02 }
        compared += logits.snippets - 1 - (logits.snippets - 1) / EvaluatedVideo.snippet
        areRepeated = areRepeated && Self.isRepeated(logits)
    }

    /// What is to be said of them.
    public var doubts: [String] {
        guard snippets > 0 else { return [] }
        var doubts: [String] = []
        if sumToOne && areShares {
            doubts.append(
                "the logits look like probabilities, which are from 0 to 1, and of the classes sum to 1: expected what comes "
                    + "before sigmoid and softmax")
        } else if areShares, snippets > Self.few {
            doubts.append(
                "the logits are all from 0 to 1, as probabilities are: expected what comes before sigmoid and softmax")
        }
        if areRepeated, compared >= EvaluatedVideo.snippet {
            doubts.append(
                "each row of logits is there \(EvaluatedVideo.snippet) times, as if it was for a frame: expected a row for "
                    + "\(EvaluatedVideo.snippet) frames")
        }
        return doubts
    }

    /// Snippets whose logits can all be small by chance.
    private static let few = 64

    /// Whether rows differ from one run of 16 to the next alone.
    private static func isRepeated(_ logits: Logits) -> Bool {
        (1..<max(1, logits.snippets)).allSatisfy { row in
            row % EvaluatedVideo.snippet == 0
                || logits.coarse[row] == logits.coarse[row - 1] && logits.fine(of: row) == logits.fine(of: row - 1)
        }
    }
}

/// Logits in a file: [T, 1 + K], column 0 the coarse one.
enum LogitsFile {
    static func read(_ row: VideoList.Row, in folder: FeatureFolder, classes: Int) throws(DatasetError) -> Logits {
        let name = row.video.name
        var path = try folder.look(for: name + ".npy")
        if path == nil { path = try folder.look(for: row.path) }
        guard let path else {
            throw DatasetError(
                .noInput,
                "\(folder.path) has no logits of \(quoted(name, limit: 200)) (line \(row.line) of the list): expected "
                    + "\(quoted(name + ".npy", limit: 200))" + (folder.hint(for: name).map { "; \($0)" } ?? ""))
        }
        let array = try FeatureFile.array(path)
        guard array.shape.count == 2, array.shape[0] > 0, array.shape[1] == 1 + classes else {
            throw DatasetError(
                .badData,
                "\(path) has shape \(array.shape): expected [T, \(1 + classes)], the coarse logit and \(classes) classes"
            )
        }
        if let index = array.values.firstIndex(where: { !$0.isFinite }) {
            throw DatasetError(.badData, "\(path): a logit of snippet \(index / (1 + classes)) is not finite")
        }
        let snippets = array.shape[0]
        var logits = Logits(snippets: snippets, classes: classes)
        for snippet in 0..<snippets {
            let row = snippet * (1 + classes)
            logits.coarse[snippet] = array.values[row]
            for label in 0..<classes { logits.fine[snippet * classes + label] = array.values[row + 1 + label] }
        }
        return logits
    }
}
