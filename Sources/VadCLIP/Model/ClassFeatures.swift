import Numerics

/// The classes that a chunk is scored against: labels and their text features t_k.
public struct ClassFeatures: Sendable {
    /// The most classes that can be scored at once; scratch memory is reserved for as many.
    public static let most = 128

    /// Class labels; the first is the normal class.
    public let labels: [String]
    /// Text features t, [K, d].
    public let features: Matrix

    /// Joins labels and their features.
    public init(labels: [String], features: Matrix) throws(ModelError) {
        guard labels.count == features.rows else {
            throw .badLabels("\(labels.count) labels have \(features.rows) text features")
        }
        guard (1...Self.most).contains(labels.count) else {
            throw .badLabels("\(labels.count) labels: expected 1 to \(Self.most)")
        }
        self.labels = labels
        self.features = features
    }
}
