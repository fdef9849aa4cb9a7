import Tensors

/// CLIP's image tower: frames in, features out.
///
/// Spec: "CLIP image tower". Images are squares of bytes; mean and deviation of the colours, which they would have taken
/// off and been divided by, are in the weights of the patches and in the positions. The last block is computed for the
/// class token's row alone, since no other is read.
public struct ImageTower: Sendable {
    /// Its shape.
    public let configuration: Configuration
    /// Pixels of an image's side: 224 in ViT-B/16.
    public var resolution: Int { configuration.resolution }
    /// Width of the features: 512 in ViT-B/16.
    public var outputWidth: Int { configuration.outputWidth }

    let kernels: Kernels
    /// Patches by their bytes, row by row of R G B, to rows; [3 · patch², width].
    let patches: Linear
    /// Position embeddings, with the class token in the first and the colours' mean in the others.
    let positions: ConstantMatrix
    /// What is taken off each byte before the product, and is in the positions.
    let centre: Float
    let firstNorm: LayerNorm
    let blocks: [ImageBlock]
    let lastNorm: LayerNorm
    let projection: Linear

    /// Reads and packs the tower's weights.
    public init(
        from source: some WeightSource, configuration: Configuration, in preparation: Preparation
    ) throws(WeightError) {
        let (d, area) = (configuration.width, configuration.patch * configuration.patch)
        self.configuration = configuration
        kernels = preparation.kernels
        let isExact = kernels.compute == .float32
        centre = isExact ? 0 : Colours.centre
        let offset = Double(centre)
        func convolution() throws(WeightError) -> [Float] {
            try source.floats(Names.patches, shape: [d, 3, configuration.patch, configuration.patch])
        }
        patches = Linear(
            weights: try preparation.weights(Names.patches, inputs: 3 * area, outputs: d) { () throws(WeightError) in
                Colours.byBytes(try convolution(), outputs: d, area: area)
            })
        let name = isExact ? Names.positions : "centred.\(Names.positions)"
        positions = try preparation.matrix(name, rows: configuration.rows, columns: d) { () throws(WeightError) in
            var values = try source.floats(Names.positions, shape: [configuration.rows, d])
            let token = try source.floats(Names.token, shape: [d])
            let shift = Colours.shift(try convolution(), outputs: d, area: area, centre: offset)
            for index in values.indices { values[index] += index < d ? token[index] : shift[index % d] }
            return values
        }
        firstNorm = try preparation.layerNorm(Names.firstNorm, width: d, from: source)
        var blocks: [ImageBlock] = []
        for layer in 0..<configuration.layers {
            blocks.append(try ImageBlock(from: source, prefix: Names.block(layer), width: d, in: preparation))
        }
        self.blocks = blocks
        lastNorm = try preparation.layerNorm(Names.lastNorm, width: d, from: source)
        let outputs = configuration.outputWidth
        // Of one row an image: fewer bits would save no time here, and nothing comes behind that averages their error.
        projection = Linear(
            weights: try preparation.weights(Names.projection, inputs: d, outputs: outputs, in: .float32) {
                () throws(WeightError) in try source.floats(Names.projection, shape: [d, outputs])
            })
    }

    /// Features of images, [images, outputWidth]; not normalised.
    ///
    /// An image's feature is the same bits alone and in any batch, by any number of threads.
    ///
    /// - Parameters:
    ///   - images: squares of `resolution` pixels on a side, R G B by rows
    ///   - scratch: made for this tower; where it is for fewer images, these go through in several batches
    public func encode(_ images: [[UInt8]], with scratch: ImageScratch) -> Matrix {
        let size = 3 * resolution * resolution
        precondition(images.allSatisfy { $0.count == size }, "an image has resolution² pixels of three bytes")
        precondition(scratch.configuration == configuration, "scratch memory is made for one shape of tower")
        var features = Matrix(rows: images.count, columns: outputWidth)
        for first in stride(from: 0, to: images.count, by: scratch.images) {
            let batch = images[first..<min(first + scratch.images, images.count)]
            run(Array(batch), scratch).write(to: &features.values, at: first * outputWidth)
        }
        return features
    }

    /// The features of one batch.
    ///
    /// - Parameter seen: is shown the class tokens' rows behind the first LayerNorm and behind each block
    func run(_ images: [[UInt8]], _ scratch: ImageScratch, seen: (MatrixView) -> Void = { _ in }) -> MatrixView {
        let batch = scratch.batch(of: images.count)
        embed(images, batch)
        seen(batch.classRows(of: batch.x))
        for block in blocks.dropLast() {
            block.run(batch, kernels: kernels)
            seen(batch.classRows(of: batch.x))
        }
        let last = batch.last
        if let block = blocks.last { block.runLast(batch, kernels: kernels) }
        seen(last.x)
        kernels.layerNorm(last.x, lastNorm, into: last.normed)
        kernels.product(last.normed, projection, into: last.features)
        return last.features
    }

    /// Rows of all images' patches behind the first LayerNorm: a product in which the class token's row is of zeros.
    private func embed(_ images: [[UInt8]], _ batch: ImageBatch) {
        let (patch, side, grid) = (configuration.patch, configuration.resolution, configuration.grid)
        let (kernels, patches, positions, centre, norm) = (kernels, patches, positions, centre, firstNorm)
        batch.shareRows { rows, memory in
            let x = batch.x.rows(rows)
            let bytes = memory.patches.rows(0..<rows.count)
            for (row, index) in rows.enumerated() {
                let (image, at) = (images[index / batch.rows], index % batch.rows)
                x.rows(row..<row + 1).copy(from: positions, rows: at..<at + 1)
                guard at > 0 else {
                    bytes.rows(row..<row + 1).fill(0)
                    continue
                }
                let corner = ((at - 1) / grid * side + (at - 1) % grid) * patch
                for line in 0..<patch {
                    let start = 3 * (corner + line * side)
                    bytes.copy(image[start..<start + 3 * patch], row: row, column: line * 3 * patch)
                }
                if centre != 0 { bytes.rows(row..<row + 1).add(-centre) }
            }
            kernels.product(bytes, patches, into: x, residual: x, scratch: memory.narrow)
            kernels.layerNorm(x, norm, into: x)
        }
    }
}

/// CLIP's colours: a value that the tower takes is (byte / 255 - mean) / deviation.
public enum Colours {
    /// About the mean of all colours' bytes. Weights of fewer bits are a little off, and what they multiply is best around 0:
    /// the errors of a patch's many bytes of about one brightness would add up.
    static let centre: Float = 115

    /// What the tower takes for each byte of red, of green and of blue.
    public static var values: [[Float]] {
        (0..<3).map { colour in (0..<256).map { Float((Double($0) / 255 - mean[colour]) / deviation[colour]) } }
    }

    static let mean: [Double] = [0.481_454_66, 0.457_827_5, 0.408_210_73]
    static let deviation: [Double] = [0.268_629_54, 0.261_302_58, 0.275_777_11]

    /// A convolution's weights [outputs, 3, area] as those of bytes that lie pixel by pixel, [3 · area, outputs].
    static func byBytes(_ weights: [Float], outputs: Int, area: Int) -> [Float] {
        [Float](unsafeUninitializedCapacity: weights.count) { buffer, count in
            for output in 0..<outputs {
                for colour in 0..<3 {
                    let factor = 1 / (255 * deviation[colour])
                    for pixel in 0..<area {
                        let value = Double(weights[(output * 3 + colour) * area + pixel]) * factor
                        buffer[(pixel * 3 + colour) * outputs + output] = Float(value)
                    }
                }
            }
            count = weights.count
        }
    }

    /// What the mean comes to behind the convolution of bytes less `centre`, [outputs].
    static func shift(_ weights: [Float], outputs: Int, area: Int, centre: Double) -> [Float] {
        (0..<outputs).map { output in
            Float(
                (0..<3).reduce(0.0) { sum, colour in
                    let start = (output * 3 + colour) * area
                    let total = weights[start..<start + area].reduce(0.0) { $0 + Double($1) }
                    return sum - total * (mean[colour] - centre / 255) / deviation[colour]
                })
        }
    }
}
