import CLIP
import Platform
import Tensors

/// Text features of the labels with the learned prompt, through CLIP's frozen text tower.
final class LearnedText: PromptedText {
    private let encoder: PromptEncoder
    private let crew: TaskCrew

    init(
        clip: some WeightSource, tower: TextTower.Configuration, tokens: [[Int]], kernels: Kernels, crew: TaskCrew
    ) throws(TrainingError) {
        do throws(TextTowerError) {
            encoder = try PromptEncoder(
                from: clip, configuration: tower, tokens: tokens, kernels: kernels, threads: crew.threads)
        } catch {
            throw .badText(error)
        }
        self.crew = crew
    }

    func features(prompt: MatrixView) -> Matrix { encoder.encode(prompt) { crew.run($0, $1) } }

    func backward(_ gradient: Matrix, to prompt: MatrixView) {
        encoder.backward(gradient, to: prompt) { crew.run($0, $1) }
    }
}
