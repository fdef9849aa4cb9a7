import VadCLIP

/// The logits of a stored result, read a chunk at a time, so that who wants a few does not hold them all twice.
struct StoredLogits {
    /// The snippets of a chunk; nil in older results.
    let length: Int?
    /// Class labels, the normal class first.
    let labels: [String]
    /// What the client asked for.
    let options: ScoreOptions
    /// The snippets that were scored.
    let snippets: Int
    private let coarse: ByteReader
    private let fine: ByteReader

    /// Looks at what ``ScoreResult/encoded`` wrote; nil where the bytes are no result.
    init?(encoded bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        length = ScoreResult.length(from: &reader)
        guard let options = ScoreOptions(from: &reader) else { return nil }
        // Model, its digest, that of the features, kernels; then whether the model is trained.
        for _ in 0..<4 { guard reader.text() != nil else { return nil } }
        guard reader.integer() != nil, let classes = reader.integer(), (1...ClassFeatures.most).contains(classes) else {
            return nil
        }
        var labels: [String] = []
        for _ in 0..<classes {
            guard let label = reader.text() else { return nil }
            labels.append(label)
        }
        guard reader.double() != nil, reader.double() != nil, let coarse = reader.floatBytes(),
            let fine = reader.floatBytes(), fine.floatsLeft == coarse.floatsLeft * classes, reader.isAtEnd
        else { return nil }
        self.labels = labels
        self.options = options
        snippets = coarse.floatsLeft
        self.coarse = coarse
        self.fine = fine
    }

    /// The logits of some of the snippets; nil where there are no such snippets.
    func logits(of range: Range<Int>) -> Logits? {
        let classes = labels.count
        guard range.upperBound <= snippets, let coarse = coarse.floats(in: range),
            let fine = fine.floats(in: range.lowerBound * classes..<range.upperBound * classes)
        else { return nil }
        return Logits(snippets: range.count, classes: classes, coarse: coarse, fine: fine)
    }
}
