import Tensors

/// CLIP's text transformer in the style of a family of models: labels' tokens in, text features out.
///
/// Position 0 holds the start token, prefix+1 … prefix+m the m word tokens, prefix+m+1+postfix the end token; what else
/// there is around the transformer is the `TextStyle`'s. The mask is causal, so no position after the end token is
/// computed.
public struct TextTower: Sendable {
    /// Shape and prompt of a text tower.
    public struct Configuration: Sendable, Equatable {
        /// Width of the transformer, a multiple of 64 (or below 64 one head).
        public var width: Int
        /// Width of the text features.
        public var outputWidth: Int
        /// Blocks.
        public var layers: Int
        /// Positions of a text, 77 in CLIP.
        public var context: Int
        /// Tokens, 49,408 in CLIP.
        public var vocabulary: Int
        /// Learned positions between the start token and the words.
        public var prefix: Int
        /// Learned positions between the words and the end token.
        public var postfix: Int

        /// Heads of the attention: one for each 64 columns.
        public var heads: Int { max(1, width / 64) }
        /// The most word tokens that a label may have.
        public var mostTokens: Int { context - prefix - postfix - 2 }

        /// Takes the shape and the prompt as they are.
        public init(
            width: Int, outputWidth: Int, layers: Int, context: Int, vocabulary: Int, prefix: Int, postfix: Int
        ) {
            self.width = width
            self.outputWidth = outputWidth
            self.layers = layers
            self.context = context
            self.vocabulary = vocabulary
            self.prefix = prefix
            self.postfix = postfix
        }
    }

    /// Names of the tensors that a text tower is made of, in a published checkpoint, without the blocks' own.
    public enum Names {
        /// Embedding of each token, [vocabulary, width].
        public static let tokens = "clipmodel.token_embedding.weight"
        /// Embedding of each position, [context, width].
        public static let positions = "clipmodel.positional_embedding"
        /// Projection to the text features, [width, outputWidth].
        public static let projection = "clipmodel.text_projection"
        /// The learned prompt, [context, width].
        public static let prompt = "text_prompt_embeddings.weight"
        /// Prefix of the final LayerNorm.
        public static let finalNorm = "clipmodel.ln_final"
        /// Prefix of the blocks.
        public static let blocks = "clipmodel.transformer.resblocks."
    }

    /// Shape and prompt.
    public let configuration: Configuration
    private let kernels: Kernels
    private let tokenEmbedding: [Float]
    private let positionEmbedding: [Float]
    private let style: any TextStyle
    private let block: @Sendable (Int) throws(WeightError) -> AttentionBlock
    private let finalNorm: LayerNorm

    /// Reads and packs the tower's weights, with VadCLIP's learned prompt.
    ///
    /// - Parameters:
    ///   - source: the weights by their names
    ///   - configuration: the tower's shape
    ///   - streaming: reads a block each time it is needed and lets it go again, so that encoding labels once
    ///     holds one block's weights and not all of them
    ///   - kernels: those that compute
    public init(
        from source: some WeightSource, configuration: Configuration, streaming: Bool, kernels: Kernels
    ) throws(WeightError) {
        try self.init(
            from: source, configuration: configuration,
            style: try LearnedPrompt(from: source, configuration: configuration, kernels: kernels),
            streaming: streaming, kernels: kernels)
    }

    /// Reads and packs the transformer's weights, in a style that has read its own.
    ///
    /// - Parameters:
    ///   - source: the weights by their names
    ///   - configuration: the tower's shape
    ///   - style: what is the family's in the text tower
    ///   - streaming: as above
    ///   - kernels: those that compute
    public init(
        from source: some WeightSource, configuration: Configuration, style: any TextStyle, streaming: Bool,
        kernels: Kernels
    ) throws(WeightError) {
        let width = configuration.width
        self.configuration = configuration
        self.kernels = kernels
        self.style = style
        tokenEmbedding = try source.floats(Names.tokens, shape: [configuration.vocabulary, width])
        positionEmbedding = try source.floats(Names.positions, shape: [configuration.context, width])
        let read = { @Sendable (layer: Int) throws(WeightError) -> AttentionBlock in
            try AttentionBlock(
                from: source, prefix: Names.blocks + String(layer), width: width, heads: configuration.heads,
                in: Preparation(kernels: kernels))
        }
        if streaming {
            block = read
        } else {
            var blocks: [AttentionBlock] = []
            for layer in 0..<configuration.layers { blocks.append(try read(layer)) }
            block = { [blocks] layer in blocks[layer] }
        }
        finalNorm = try Preparation(kernels: kernels).layerNorm(Names.finalNorm, width: width, from: source)
    }

    /// Text features of labels given as word tokens, [labels, outputWidth]; not normalised.
    public func features(of labels: [[Int]]) throws(TextTowerError) -> Matrix {
        for (index, tokens) in labels.enumerated() { try configuration.check(tokens, label: index) }
        let workspace = Workspace()
        let width = configuration.width
        let longest = configuration.context
        let scratch = AttentionScratch(in: workspace, rows: longest, width: width)
        let texts = labels.map { tokens in
            let x = workspace.matrix(
                rows: configuration.prefix + tokens.count + configuration.postfix + 2, columns: width)
            embed(tokens, into: x)
            return x
        }
        for layer in 0..<configuration.layers {
            let block: AttentionBlock
            do { block = try self.block(layer) } catch { throw .badWeights(error) }
            for x in texts {
                block.run(x, scratch: scratch, kernels: kernels)
                style.adapt(x, behind: layer, scratch: scratch.normed.rows(0..<x.rows), kernels: kernels)
            }
        }
        let ends = workspace.matrix(rows: labels.count, columns: width)
        for (row, x) in texts.enumerated() {
            kernels.layerNorm(x.rows(x.rows - 1..<x.rows), finalNorm, into: ends.rows(row..<row + 1))
        }
        let features = workspace.matrix(rows: labels.count, columns: configuration.outputWidth)
        style.finish(ends, into: features, kernels: kernels)
        return Matrix(rows: labels.count, columns: configuration.outputWidth, values: features.values())
    }

    /// The embeddings of one label's positions up to its end token, with the position embeddings added.
    private func embed(_ tokens: [Int], into x: MatrixView) {
        let width = configuration.width
        let vocabulary = configuration.vocabulary
        for position in 0..<x.rows {
            let word = position - configuration.prefix - 1
            let token: Int? =
                position == 0
                ? vocabulary - 2
                : position == x.rows - 1 ? vocabulary - 1 : tokens.indices.contains(word) ? tokens[word] : nil
            let source = token.map { tokenEmbedding[$0 * width..<($0 + 1) * width] }
            let base = source ?? style.filler(at: position)
            for (column, value) in base.enumerated() {
                x[position, column] = value + positionEmbedding[position * width + column]
            }
        }
    }
}

extension TextTower.Configuration {
    /// Throws where a label's word tokens can't be taken.
    func check(_ tokens: [Int], label: Int) throws(TextTowerError) {
        guard tokens.count <= mostTokens else {
            throw .tooManyTokens(label: label, tokens: tokens.count, most: mostTokens)
        }
        guard let stray = tokens.first(where: { $0 < 0 || $0 >= vocabulary }) else { return }
        throw .unknownToken(label: label, token: stray, vocabulary: vocabulary)
    }
}

/// Labels that a text tower can't take.
public enum TextTowerError: Error, Equatable, CustomStringConvertible {
    /// More word tokens than positions are left beside the prompt.
    case tooManyTokens(label: Int, tokens: Int, most: Int)
    /// A token that the tower has no embedding of.
    case unknownToken(label: Int, token: Int, vocabulary: Int)
    /// A tensor of the tower that can't be read.
    case badWeights(WeightError)

    /// One sentence for a person.
    public var description: String {
        switch self {
        case .tooManyTokens(let label, let tokens, let most):
            "label \(label) is \(tokens) tokens long: expected at most \(most)"
        case .unknownToken(let label, let token, let vocabulary):
            "label \(label) has token \(token): expected one below \(vocabulary)"
        case .badWeights(let error): error.description
        }
    }
}
