/// The rows that labels with a learned prompt need of the text transformer.
///
/// Its mask is causal: no row sees a later one. So nothing behind a label's end token is computed, and the start token and
/// the prefix, which come first in every label, are the same rows for all of them: they are there once, and come first.
struct PromptRows: Sendable {
    /// Rows of the start token and the prefix.
    let shared: Range<Int>
    /// Each label's own rows: words, postfix and the end token, which is the last.
    let labels: [Range<Int>]
    /// All rows.
    let count: Int
    /// A row's position in its text.
    let positions: [Int]
    /// A row's token; nil where the learned prompt is.
    let tokens: [Int?]
    /// Most rows that a row can see.
    let span: Int

    /// Rows that one thread computes at a time: the shared ones, if any, and whole labels.
    struct Block: Sendable {
        let rows: Range<Int>
        let hasShared: Bool
        let labels: Range<Int>
    }

    init(_ configuration: TextTower.Configuration, tokens words: [[Int]]) {
        let first = configuration.prefix + 1
        shared = 0..<first
        var labels: [Range<Int>] = []
        var positions = Array(shared)
        var tokens: [Int?] = [configuration.vocabulary - 2] + Array(repeating: nil, count: configuration.prefix)
        for word in words {
            let own = word.count + configuration.postfix + 1
            labels.append(positions.count..<positions.count + own)
            positions += first..<first + own
            tokens += word.map { .some($0) } + Array(repeating: nil, count: configuration.postfix)
            tokens.append(configuration.vocabulary - 1)
        }
        self.labels = labels
        self.positions = positions
        self.tokens = tokens
        count = positions.count
        span = first + (labels.map(\.count).max() ?? 0)
    }

    /// Blocks of about equal size, two a thread, but none so small that reading the weights takes longer than using them. A
    /// row's numbers don't depend on the others of its block.
    func blocks(threads: Int) -> [Block] {
        let size = max(24, (count + 2 * threads - 1) / (2 * threads))
        var blocks: [Block] = []
        var (start, first, hasShared) = (0, 0, true)
        for (index, label) in labels.enumerated()
        where label.upperBound - start >= size || index == labels.count - 1 {
            blocks.append(
                Block(rows: start..<label.upperBound, hasShared: hasShared, labels: first..<index + 1))
            (start, first, hasShared) = (label.upperBound, index + 1, false)
        }
        return blocks
    }
}
