/// The arithmetic that scoring takes, for benchmarks.
public struct ChunkWork: Sendable, Equatable {
    /// Floating-point operations, a multiply-add counted as two.
    public let operations: Double

    /// The work of a video of T snippets, chunk by chunk, with what need not be computed left out.
    public init(snippets: Int, _ configuration: ModelConfiguration) {
        let chunks = Chunks(snippets: snippets, length: configuration.length)
        operations = (0..<chunks.count).reduce(0) { $0 + Self.chunk(chunks[$1].count, configuration) }
    }

    private static func chunk(_ n: Int, _ configuration: ModelConfiguration) -> Double {
        let extent = ChunkExtent(needed: configuration, valid: n)
        let (d, valid, classes) = (
            Double(configuration.width), Double(n), Double(configuration.labels.count)
        )
        let (local, rest) = (Double(extent.local), Double(extent.rest))
        let window = Double(min(configuration.window, configuration.length))
        // Two projections d², feed-forward 8 d², and scores and values of a window.
        let block = local * (10 * d * d + 2 * window * d)
        // W1 and W3 d², their convolutions 2 d², W2 and W4 d² / 2, the join d², the coarse branch 4 d².
        let rows = rest * 8.5 * d * d
        // Cosines, and both products with the similarity graph.
        let graph = valid * valid * 2 * d
        // MLP1, and the fine logits.
        let alignment = classes * (8 * d * d + valid * d)
        return 2 * (Double(configuration.layers) * block + rows + graph + alignment)
    }
}
