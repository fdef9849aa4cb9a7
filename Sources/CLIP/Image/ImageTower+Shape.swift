import Tensors

extension ImageTower {
    /// Shape of an image tower, as its tensors tell it.
    public struct Configuration: Sendable, Equatable, CustomStringConvertible {
        /// Width of the transformer, a multiple of 64: a head for each 64 columns.
        public var width: Int
        /// Width of the features.
        public var outputWidth: Int
        /// Blocks.
        public var layers: Int
        /// Pixels of a patch's side.
        public var patch: Int
        /// Patches of an image's side.
        public var grid: Int

        /// Heads of the attention.
        public var heads: Int { width / Self.headWidth }
        /// Rows of an image on its way through the tower: the class token's and one a patch.
        public var rows: Int { grid * grid + 1 }
        /// Pixels of an image's side.
        public var resolution: Int { grid * patch }
        /// Columns of a head.
        static let headWidth = 64

        /// Takes the shape as it is.
        public init(width: Int, outputWidth: Int, layers: Int, patch: Int, grid: Int) {
            self.width = width
            self.outputWidth = outputWidth
            self.layers = layers
            self.patch = patch
            self.grid = grid
        }

        /// Reads the shape off the tensors of `source`; throws where there is no tower, or none that can be run here.
        public init(of source: some WeightSource) throws(WeightError) {
            func shape(_ name: String, _ dimensions: Int) throws(WeightError) -> [Int] {
                guard let shape = source.shape(of: name) else {
                    throw WeightError(name: name, problem: "is missing: CLIP's image tower begins with it")
                }
                guard shape.count == dimensions, shape.allSatisfy({ (1...8_192).contains($0) }) else {
                    throw WeightError(
                        name: name, problem: "has shape \(shape): expected \(dimensions) dimensions from 1 to 8192")
                }
                return shape
            }
            let patches = try shape(Names.patches, 4)
            guard patches[1] == 3, patches[2] == patches[3], patches[2] <= 64 else {
                throw WeightError(
                    name: Names.patches, problem: "has shape \(patches): expected 3 colours of square patches up to 64")
            }
            // Other towers have heads of other widths, which no tensor shows: ViT-H/14, 1280 wide, has 16 of 80.
            let width = patches[0]
            guard [768, 1_024].contains(width) || width <= 512 && width % Self.headWidth == 0 else {
                throw WeightError(
                    name: Names.patches,
                    problem: "is \(width) wide: expected 768 or 1024, as CLIP's ViT-B and ViT-L are, or a multiple of "
                        + "\(Self.headWidth) up to 512")
            }
            let positions = try shape(Names.positions, 2)[0]
            let side = Int(Double(positions - 1).squareRoot().rounded())
            guard (1...64).contains(side), side * side + 1 == positions else {
                throw WeightError(
                    name: Names.positions,
                    problem: "has \(positions) rows: expected one more than a square of patches, at most 64 on a side")
            }
            var layers = 0
            while layers < 65, source.shape(of: Names.block(layers) + ".ln_1.weight") != nil { layers += 1 }
            guard (1...64).contains(layers) else {
                throw WeightError(
                    name: Names.block(0) + ".ln_1.weight",
                    problem: layers == 0 ? "is missing" : "is the first of over 64: expected 1 to 64 blocks")
            }
            self.init(
                width: patches[0], outputWidth: try shape(Names.projection, 2)[1], layers: layers, patch: patches[2],
                grid: side)
        }

        /// Names and shapes of the tensors that a tower of this shape is read from, in the published order.
        public var tensors: [(name: String, shape: [Int])] {
            let d = width
            func linear(_ name: String, _ inputs: Int, _ outputs: Int) -> [(String, [Int])] {
                [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])]
            }
            func norm(_ name: String) -> [(String, [Int])] { [(name + ".weight", [d]), (name + ".bias", [d])] }
            var all: [(String, [Int])] = [
                (Names.token, [d]), (Names.positions, [rows, d]), (Names.projection, [d, outputWidth]),
                (Names.patches, [d, 3, patch, patch]),
            ]
            all += norm(Names.firstNorm)
            for layer in 0..<layers {
                let block = Names.block(layer)
                all += [(block + ".attn.in_proj_weight", [3 * d, d]), (block + ".attn.in_proj_bias", [3 * d])]
                all += linear(block + ".attn.out_proj", d, d) + norm(block + ".ln_1")
                all += linear(block + ".mlp.c_fc", d, 4 * d) + linear(block + ".mlp.c_proj", 4 * d, d)
                all += norm(block + ".ln_2")
            }
            return (all + norm(Names.lastNorm)).map { (name: $0.0, shape: $0.1) }
        }

        /// As people call it: `ViT-B/16` where it is one of CLIP's, and its sizes.
        public var description: String {
            let name: String? =
                switch (width, layers) {
                case (768, 12): "ViT-B/\(patch)"
                case (1_024, 24): "ViT-L/\(patch)"
                default: nil
                }
            return (name.map { $0 + ", " } ?? "") + "\(resolution) pixels, \(grid) x \(grid) patches, width \(width), "
                + "\(layers) block\(layers == 1 ? "" : "s"), features \(outputWidth) wide"
        }

        /// Numbers in all tensors.
        public var parameters: Int { tensors.reduce(0) { $0 + $1.shape.reduce(1, *) } }

        /// Floating-point operations of one image's products and attention.
        public var operations: Double {
            let (r, d) = (Double(rows), Double(width))
            let whole = 2 * r * d * 12 * d + 4 * r * r * d
            let last = 2 * r * d * 2 * d + 2 * 10 * d * d + 4 * r * d
            let ends = 2 * (r - 1) * 3 * Double(patch * patch) * d + 2 * d * Double(outputWidth)
            return Double(layers - 1) * whole + last + ends
        }
    }

    /// Names of the tensors in a published checkpoint.
    public enum Names {
        /// Begins all of them.
        public static let prefix = "clipmodel.visual."
        /// The convolution that makes rows of patches, [width, 3, patch, patch].
        public static let patches = prefix + "conv1.weight"
        /// The class token, [width].
        public static let token = prefix + "class_embedding"
        /// Embedding of each position, [rows, width].
        public static let positions = prefix + "positional_embedding"
        /// Projection to the features, [width, outputWidth].
        public static let projection = prefix + "proj"
        /// Prefix of the LayerNorm before the blocks.
        public static let firstNorm = prefix + "ln_pre"
        /// Prefix of the LayerNorm behind them.
        public static let lastNorm = prefix + "ln_post"

        /// Prefix of a block's tensors.
        public static func block(_ layer: Int) -> String { prefix + "transformer.resblocks.\(layer)" }
    }
}
