/// The model's raw output for a video: what scores are made of.
public struct Logits: Sendable, Equatable {
    /// Snippets T.
    public let snippets: Int
    /// Classes K.
    public let classes: Int
    /// C-Branch, [T].
    public var coarse: [Float]
    /// A-Branch, [T, K], row-major: cosines over the temperature.
    public var fine: [Float]

    /// Zeros for T snippets and K classes, to be filled chunk by chunk.
    public init(snippets: Int, classes: Int) {
        self.snippets = snippets
        self.classes = classes
        coarse = [Float](repeating: 0, count: snippets)
        fine = [Float](repeating: 0, count: snippets * classes)
    }

    /// Logits that are there already: `coarse` [T], `fine` [T, K].
    public init(snippets: Int, classes: Int, coarse: [Float], fine: [Float]) {
        precondition(coarse.count == snippets && fine.count == snippets * classes, "T and T × K logits")
        self.snippets = snippets
        self.classes = classes
        self.coarse = coarse
        self.fine = fine
    }

    /// Fine logits of one snippet, [K].
    public func fine(of snippet: Int) -> ArraySlice<Float> { fine[snippet * classes..<(snippet + 1) * classes] }

    /// The first snippet whose logits are not finite, if there is one.
    public var firstNotFinite: Int? {
        for snippet in 0..<snippets {
            if !coarse[snippet].isFinite || fine(of: snippet).contains(where: { !$0.isFinite }) { return snippet }
        }
        return nil
    }
}
