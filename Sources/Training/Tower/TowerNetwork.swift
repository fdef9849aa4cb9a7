import CLIP
import Platform
import Tensors
import VadCLIP

/// A picture that a tower learns from, and what is to be seen in it.
public struct TowerExample: Sendable {
    /// The tower's square, R G B by rows.
    public let square: [UInt8]
    /// For each thing that can be seen 1 where it is, else 0.
    public let sights: [Float]

    /// An example.
    public init(square: [UInt8], sights: [Float]) { (self.square, self.sights) = (square, sights) }
}

/// A small image tower of CLIP's shape with one head, forwards and backwards, and a layer behind it that tells sights.
///
/// Its blocks are those of VadCLIP's local module, whose window is the whole picture. R is the rows of a group's pictures, n
/// their number.
final class TowerNetwork {
    /// Tensors of the layer that tells sights, which is no part of the tower.
    static let head = "sights"

    let configuration: ImageTower.Configuration
    private let group: Group
    private let crew: TaskCrew
    private let kernels: Kernels
    private let patches: Dense
    private let token: (weight: MatrixView, gradient: MatrixView)
    private let positions: (weight: MatrixView, gradient: MatrixView)
    private let firstNorm: ChangingNorm
    private let layers: [LocalLayer]
    private let lastNorm: ChangingNorm
    private let projection: Dense
    private let head: Dense
    /// Numbers of the pictures' patches, [R, 3 patch²]; of the class token zeros.
    private let pixels: MatrixView
    private let embedded: MatrixView
    private let output: MatrixView
    private let normed: MatrixView
    private let features: MatrixView
    private let logits: MatrixView
    private let slopes: LocalGradients
    private let toFeatures: MatrixView
    private let toNormed: MatrixView
    private let partials: [MatrixView]
    /// A byte of each colour as the tower takes it.
    private let values: [[Float]]

    /// The tower's tensors, and those of the layer behind it.
    static func layout(_ configuration: ImageTower.Configuration, sights: Int) -> ParameterLayout {
        ParameterLayout(
            configuration.tensors + [
                (head + ".weight", [sights, configuration.outputWidth]), (head + ".bias", [sights]),
            ])
    }

    init(_ configuration: ImageTower.Configuration, sights: Int, in memory: TrainedMemory, crew: TaskCrew) {
        typealias Names = ImageTower.Names
        precondition(configuration.heads == 1, "a block of one head")
        let rows = configuration.rows
        let group = Group(
            model: ModelConfiguration(
                width: configuration.width, length: rows, layers: configuration.layers, window: rows, labels: []),
            threads: crew.threads, kernels: memory.kernels)
        (self.configuration, self.group, self.crew, kernels) = (configuration, group, crew, memory.kernels)
        patches = Dense(memory.tensor(Names.patches), bias: nil, kernels: memory.kernels)
        (token, positions) = (memory.tensor(Names.token), memory.tensor(Names.positions))
        firstNorm = ChangingNorm(Names.firstNorm, in: memory)
        layers = (0..<configuration.layers).map { layer in
            LocalLayer(
                Names.block(layer), in: memory, group: group, isOfFirst: layer == configuration.layers - 1)
        }
        lastNorm = ChangingNorm(Names.lastNorm, in: memory)
        projection = Dense(graph: Names.projection, in: memory)
        head = Dense(Self.head, in: memory)
        let (d, wide) = (configuration.width, 3 * configuration.patch * configuration.patch)
        pixels = group.matrix(columns: wide)
        embedded = group.matrix(columns: d)
        output = group.matrix(columns: d)
        normed = group.partials(columns: d)
        features = group.partials(columns: configuration.outputWidth)
        logits = group.partials(columns: sights)
        slopes = LocalGradients(group)
        toFeatures = group.partials(columns: configuration.outputWidth)
        toNormed = group.partials(columns: d)
        partials = (0..<2).map { _ in group.partials(columns: d) }
        values = Colours.values
    }

    private func run(_ tasks: [GradientTask]) {
        let scratch = group.scratch
        crew.run(tasks.count) { tasks[$0](scratch[$1]) }
    }

    /// Prepares the weights as they are now.
    func prepare() {
        run(layers.flatMap(\.merging))
        run(layers.flatMap(\.packing) + patches.packing + projection.packing + head.packing)
    }

    /// The mean loss of a batch's examples; their gradients are added to what is there.
    func learn(_ examples: [TowerExample]) -> Double {
        run(layers.flatMap(\.clearing))
        var loss = 0.0
        for range in blocks(of: examples.count, by: Group.most) {
            loss += learn(Array(examples[range]), share: 1 / Float(examples.count))
        }
        run(layers.flatMap(\.turning))
        run(layers.flatMap(\.unmerging))
        return loss / Double(examples.count)
    }

    private func learn(_ group: [TowerExample], share: Float) -> Double {
        forward(group.map(\.square))
        let n = group.count
        let slope = logits.rows(0..<n)
        var loss = 0.0
        for (row, example) in group.enumerated() {
            for (column, wanted) in example.sights.enumerated() {
                let logit = slope[row, column]
                let chance = 1 / (1 + exp(-logit))
                loss += Double(max(logit, 0) - logit * wanted + log(1 + exp(-abs(logit))))
                slope[row, column] = (chance - wanted) * share
            }
        }
        backward(n)
        return loss
    }

    /// Features of at most `Group.most` pictures.
    func features(of squares: [[UInt8]]) -> Matrix {
        forward(squares)
        return features.rows(0..<squares.count).matrix
    }

    private func forward(_ squares: [[UInt8]]) {
        crew.run(squares.count) { [self] sample, _ in
            let rows = group.rows(sample)
            fill(pixels.rows(rows), squares[sample])
            let x = embedded.rows(rows)
            patches.run(pixels.rows(rows), into: x, residual: positions.weight)
            x.rows(0..<1).add(token.weight)
            let first = layers.first?.input ?? output
            kernels.layerNorm(
                x, gain: firstNorm.gain.weight, shift: firstNorm.shift.weight, into: first.rows(rows))
            for (index, layer) in layers.enumerated() {
                layer.run(rows, into: index + 1 < layers.count ? layers[index + 1].input : output)
            }
        }
        let n = squares.count
        kernels.layerNorm(
            classRows(of: output, n), gain: lastNorm.gain.weight, shift: lastNorm.shift.weight,
            into: normed.rows(0..<n))
        projection.run(normed.rows(0..<n), into: features.rows(0..<n))
        head.run(features.rows(0..<n), into: logits.rows(0..<n))
    }

    /// The patches' numbers in the order of the published convolution's weights: colour by colour, each by rows.
    private func fill(_ rows: MatrixView, _ square: [UInt8]) {
        let (patch, grid, side) = (configuration.patch, configuration.grid, configuration.resolution)
        rows.rows(0..<1).fill(0)
        for index in 0..<grid * grid {
            let corner = (index / grid * side + index % grid) * patch
            var numbers = [Float](repeating: 0, count: 3 * patch * patch)
            for y in 0..<patch {
                for x in 0..<patch {
                    let pixel = 3 * (corner + y * side + x)
                    for colour in 0..<3 {
                        numbers[(colour * patch + y) * patch + x] = values[colour][Int(square[pixel + colour])]
                    }
                }
            }
            rows.rows(index + 1..<index + 2).copy(from: numbers[...])
        }
    }

    private func classRows(of x: MatrixView, _ count: Int) -> MatrixView {
        x.rows(0..<count * configuration.rows).everyRow(of: configuration.rows)
    }

    private func backward(_ n: Int) {
        let (slope, own) = (logits.rows(0..<n), toFeatures.rows(0..<n))
        head.runBackward(slope, into: own)
        projection.runBackward(own, into: toNormed.rows(0..<n))
        slopes.outgoing.fill(0)
        kernels.layerNormBackward(
            classRows(of: output, n), gain: lastNorm.gain.weight, dy: toNormed.rows(0..<n),
            into: classRows(of: slopes.outgoing, n), sums: (lastNorm.gain.gradient, lastNorm.shift.gradient))
        run(head.gradient(features.rows(0..<n), slope) + projection.gradient(normed.rows(0..<n), own))
        for layer in layers.reversed() {
            crew.run(n) { [self] sample, thread in
                layer.runBackward(sample, slopes, product: group.scratch[thread], thread: thread)
            }
            run(layer.gradient(n, slopes))
            slopes.advance()
        }
        crew.run(n) { [self] sample, _ in
            let (rows, one) = (group.rows(sample), sample..<sample + 1)
            for part in partials { part.rows(one).fill(0) }
            let dx = slopes.outgoing.rows(rows)
            kernels.layerNormBackward(
                embedded.rows(rows), gain: firstNorm.gain.weight, dy: dx, into: dx,
                sums: (partials[0].rows(one), partials[1].rows(one)))
        }
        let (dx, all) = (slopes.outgoing, 0..<n * configuration.rows)
        run(
            patches.gradient(pixels.rows(all), dx.rows(all)) + [
                placeGradient(n, dx), group.sum(partials[0], n, to: firstNorm.gain.gradient),
                group.sum(partials[1], n, to: firstNorm.shift.gradient),
            ])
    }

    private func placeGradient(_ n: Int, _ dx: MatrixView) -> GradientTask {
        let (kernels, group, positions, token) = (kernels, group, positions, token)
        return { _ in
            for sample in 0..<n {
                kernels.add(dx.rows(group.rows(sample)), to: positions.gradient)
                kernels.add(dx.rows(group.rows(sample)).rows(0..<1), to: token.gradient)
            }
        }
    }
}
