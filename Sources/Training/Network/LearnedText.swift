import CLIP
import Tensors

/// Text features of the labels with the learned prompt.
final class LearnedText: PromptedText {
    private let compute: (MatrixView) -> Matrix

    init(
        clip: some WeightSource, tower: TextTower.Configuration, tokens: [[Int]], kernels: Kernels, crew: Crew
    ) throws(TrainingError) {
        compute = { prompt in
            let source = WithPrompt(source: clip, prompt: prompt.values())
            let made = try? TextTower(from: source, configuration: tower, streaming: false, kernels: kernels)
                .features(of: tokens)
            return made ?? Matrix(rows: tokens.count, columns: tower.outputWidth)
        }
    }

    func features(prompt: MatrixView) -> Matrix { compute(prompt) }

    func backward(_ gradient: Matrix, to prompt: MatrixView) {}

    private struct WithPrompt<Source: WeightSource>: WeightSource {
        let source: Source
        let prompt: [Float]

        func shape(of name: String) -> [Int]? { source.shape(of: name) }

        func floats(_ name: String, shape: [Int]) throws(WeightError) -> [Float] {
            name == TextTower.Names.prompt ? prompt : try source.floats(name, shape: shape)
        }
    }
}
