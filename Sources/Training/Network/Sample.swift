import Tensors
import VadCLIP

/// One video as training sees it: at most L snippets, and what it is labelled.
public struct Sample: Sendable, Equatable {
    /// Features of the n valid rows, [n, d], n from 1 to L; the rest of the chunk is zero rows, which nobody keeps.
    public let features: Matrix
    /// The label vector over the K classes, divided by its sum.
    public let labels: [Float]
    /// The file that the features are of; empty where they are of none.
    public let source: String
    /// Whether the normal class is among the labels.
    public var isNormal: Bool { labels[0] > 0 }

    /// Pools a video's features [T, d] to at most L rows.
    ///
    /// - Parameters:
    ///   - features: [T, d]
    ///   - classes: indexes of its labels, at least one
    ///   - model: the model's shape
    ///   - source: where it comes from, for messages
    public init(
        features: Matrix, classes: some Collection<Int>, model: ModelConfiguration, source: String = ""
    ) {
        self.source = source
        precondition(features.rows > 0 && features.columns == model.width, "rows of the model's width")
        precondition(
            !classes.isEmpty && classes.allSatisfy { model.labels.indices.contains($0) }, "labels of the model")
        self.features = SnippetPooling(snippets: features.rows, length: model.length).pooled(features)
        var labels = [Float](repeating: 0, count: model.labels.count)
        for index in classes { labels[index] = 1 }
        let sum = labels.reduce(0, +)
        self.labels = labels.map { $0 / sum }
    }
}

/// How a video of T snippets becomes at most L rows: as it is where T ≤ L, and otherwise by means of L segments.
public struct SnippetPooling: Sendable, Equatable {
    /// T.
    public let snippets: Int
    /// L.
    public let length: Int

    /// For T snippets and chunks of L.
    public init(snippets: Int, length: Int) {
        self.snippets = snippets
        self.length = length
    }

    /// Rows that come out.
    public var rows: Int { min(snippets, length) }

    /// The snippets whose mean is row `index`: between two of L + 1 evenly spaced integers from 0 to T, truncated; an
    /// empty segment takes its first snippet.
    public subscript(index: Int) -> Range<Int> {
        guard snippets > length else { return index..<index + 1 }
        // As numpy's linspace has it: a step in double precision, times the index; the last bound is T itself.
        let step = Double(snippets) / Double(length)
        let start = Int(Double(index) * step)
        let end = index + 1 == length ? snippets : Int(Double(index + 1) * step)
        return start..<max(end, start + 1)
    }

    /// The rows of features [T, d].
    public func pooled(_ features: Matrix) -> Matrix {
        precondition(features.rows == snippets)
        guard snippets > length else { return features }
        var values: [Float] = []
        values.reserveCapacity(length * features.columns)
        for row in 0..<length {
            let segment = self[row]
            var sum = [Float](repeating: 0, count: features.columns)
            for snippet in segment {
                for (column, value) in features[row: snippet].enumerated() { sum[column] += value }
            }
            let count = Float(segment.count)
            values += sum.map { $0 / count }
        }
        return Matrix(rows: length, columns: features.columns, values: values)
    }
}
