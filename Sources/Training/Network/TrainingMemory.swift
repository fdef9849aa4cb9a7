import CLIP
import Tensors
public import VadCLIP

/// About how many bytes a training takes. A batch's features come on top.
public struct TrainingMemory: Equatable, Sendable {
    /// VadCLIP's weights, their gradients and moments, and the matrices of a group of samples forwards and backwards.
    public let network: Int
    /// CLIP's text tower, packed both ways, and the matrices of all labels; 0 where no prompt is learned through it.
    public let tower: Int
    /// The files that are held in memory: CLIP's, and that of the weights at the start.
    public let files: Int
    /// All of them.
    public var all: Int { network + tower + files }

    /// What these settings take; throws where the text tower does not fit them.
    ///
    /// - Parameters:
    ///   - settings: of the training
    ///   - threads: that compute, each with matrices of its own
    ///   - clip: has CLIP's text tower
    ///   - start: the weights that training begins at
    public init(
        _ settings: TrainingSettings, threads: Int, clip: CheckpointSource, start: CheckpointSource?
    ) throws(ModelError) {
        network = Self.network(settings, threads: threads)
        let tower = try clip.textTower(
            width: settings.model.width, prefix: settings.prefix, postfix: settings.postfix)
        self.tower =
            settings.without.contains(.learnablePrompt)
            ? 0 : Self.tower(tower, labels: settings.model.labels.count)
        files = clip.file.count + (start?.file.count ?? 0)
    }

    static func network(_ settings: TrainingSettings, threads: Int) -> Int {
        let model = settings.model
        let (d, length, layers, classes) = (model.width, model.length, model.layers, model.labels.count)
        // The weights of a layer and of the rest, four times; what is packed of them, forwards and backwards.
        let weights = 6 * (d * d * (12 * layers + 20) + length * d)
        let floats = Group.floats(width: d, length: length, layers: layers, classes: classes, threads: threads)
        return 4 * (weights + floats)
    }

    private static func tower(_ tower: TextTower.Configuration, labels: Int) -> Int {
        let (d, words) = (tower.width, 4)
        let weights = 2 * (12 * d * d * tower.layers + d * tower.outputWidth)
        let rows = tower.prefix + 1 + labels * (words + tower.postfix + 1)
        // As PromptMemory has them for a layer, and PromptScratch and PromptSlopes once.
        let span = tower.prefix + words + tower.postfix + 2
        let row = tower.layers * (9 * d + tower.heads * span) + 17 * d
        return 4 * (weights + rows * row + 4 * labels * (tower.prefix + 1) * d)
    }
}

extension Group {
    /// Numbers in the matrices of a group whose size depends on L.
    static func floats(width d: Int, length: Int, layers: Int, classes: Int, threads: Int) -> Int {
        let tiles = (length + ChangingConvolution.tile - 1) / ChangingConvolution.tile
        // [R, …]: forwards in a layer, and backwards in all; in the graphs; in the heads.
        let row = 14 * d * layers + 8 * d + (13 * d + 2 * length) + (4 * d + 2 * classes)
        let planes = 3 * ChangingConvolution.points * most * tiles * d
        let own = length * (6 * d + 2 * length) + 2 * ChangingConvolution.tile * (tiles + 1) * d
        return most * length * row + planes + threads * own
    }
}
