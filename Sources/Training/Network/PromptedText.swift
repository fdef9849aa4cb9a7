import CLIP
import Tensors

/// Where the classes' text features come from.
protocol PromptedText: AnyObject {
    /// t [K, d] with the prompt [context, width] as it is.
    func features(prompt: MatrixView) -> Matrix

    /// Adds to the prompt's gradient what comes from that by t, [K, d]; after `features` with the same prompt.
    func backward(_ gradient: Matrix, to prompt: MatrixView)
}

/// Text features of "a video of LABEL", in place of the learnable prompt: constant.
final class HandWrittenText: PromptedText {
    private let features: Matrix

    /// - Parameter words: tokens of "a video of" in the vocabulary that the labels' tokens are of
    init(
        clip: some WeightSource, tower: TextTower.Configuration, words: [Int], tokens: [[Int]], kernels: Kernels
    ) throws(TrainingError) {
        var tower = tower
        (tower.prefix, tower.postfix) = (0, 0)
        let text: TextTower
        do throws(WeightError) {
            text = try TextTower(
                from: WithoutPrompt(source: clip), configuration: tower, streaming: true, kernels: kernels)
        } catch {
            throw .badWeights(error)
        }
        do throws(TextTowerError) { features = try text.features(of: tokens.map { words + $0 }) } catch {
            throw .badText(error)
        }
    }

    func features(prompt: MatrixView) -> Matrix { features }

    func backward(_ gradient: Matrix, to prompt: MatrixView) {}

    /// A tower whose learned prompt is of no account.
    private struct WithoutPrompt<Source: WeightSource>: WeightSource {
        let source: Source

        func shape(of name: String) -> [Int]? { source.shape(of: name) }

        func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
            guard name == TextTower.Names.prompt else { return try source.floats(name, shape: shape) }
            return [Float](repeating: 0, count: shape.reduce(1, *))
        }
    }
}
