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
        let (d, valid) = (Double(configuration.width), Double(n))
        let (local, rest) = (Double(extent.local), Double(extent.rest))
        let window = Double(min(configuration.window, configuration.length))
        // Projections 4 d², feed-forward 8 d², and scores and values of a window.
        let block = 2 * local * (12 * d * d + 2 * window * d)
        // W1 and W3 d², their convolutions 5 d², W2 and W4 d² / 2, the join d², MLP2 8 d².
        let rows = 2 * rest * 15.5 * d * d
        // Cosines, and both products with the similarity graph.
        let graph = 2 * valid * valid * 2 * d
        return Double(configuration.layers) * block + rows + graph
    }
}
