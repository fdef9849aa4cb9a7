import ArgumentParser
import Extraction
import Frames
import Platform
import Tensors

extension Pooling: ExpressibleByArgument {}
extension Tail: ExpressibleByArgument {}
extension Cadence: ExpressibleByArgument {}
extension Recipe.Kind: ExpressibleByArgument {}

/// The options that say how frames become rows.
struct RecipeChoice: ParsableArguments {
    @Option(
        help: """
            How a frame becomes the tower's square: as VadCLIP's authors do it (vadclip), or OpenAI's CLIP (clip).
            """)
    var recipe: Recipe.Kind = .vadclip
    @Option(
        help: """
            Which of the ten crops, 0 to 9, or with vigil extract all, a file NAME__0.npy to NAME__9.npy each. With vigil score also of \
            features that hold all of them, [T, 10, WIDTH] or [10, T, WIDTH], or mean for the mean of their rows. (default: 0, which is \
            vadclip's centre; clip's own square)
            """)
    var crop: String?
    @Option(help: "What a row has of its frames: their mean, the first or the middle one.")
    var pool: Pooling = .mean
    @Option(help: "Consecutive frames of a row, 1 to 256.")
    var framesPerRow = 16
    @Option(
        help: """
            By what frames are counted out to rows: so many frames (frames), or the frames of as long as these take at 30 a \
            second (time), for cameras of other rates.
            """)
    var cadence: Cadence = .frames
    @Option(
        help: "What becomes of the frames behind the last whole row: drop, or keep for a row of those that there are.")
    var tail: Tail = .drop

    /// What was chosen.
    struct Checked {
        let kind: Recipe.Kind
        /// Nil for the square in the middle.
        let crops: [Int?]
        let pool: Pooling
        let framesPerRow: Int
        let tail: Tail
        let cadence: Cadence

        func settings(resolution: Int, compute: Compute) throws -> ExtractionSettings {
            let recipes = crops.compactMap { Recipe(kind, crop: $0, resolution: resolution) }
            guard recipes.count == crops.count else {
                throw Failure(
                    .badData, "the image tower takes \(resolution) pixels on a side, for which there is no recipe")
            }
            return ExtractionSettings(
                recipes: recipes, pooling: pool, framesPerRow: framesPerRow, tail: tail, compute: compute,
                cadence: cadence)
        }
    }

    func checked() throws -> Checked {
        guard ExtractionSettings.frames.contains(framesPerRow) else {
            throw Failure(
                .usage,
                "--frames-per-row \(framesPerRow): expected \(ExtractionSettings.frames.lowerBound) to "
                    + "\(ExtractionSettings.frames.upperBound)")
        }
        return Checked(
            kind: recipe, crops: try crops, pool: pool, framesPerRow: framesPerRow, tail: tail, cadence: cadence)
    }

    private var crops: [Int?] {
        get throws {
            guard let crop else { return [recipe == .vadclip ? 0 : nil] }
            if crop.hasBytes(of: "all") { return Recipe.crops.map { $0 } }
            guard let number = ASCII.number(crop.utf8, most: 2), Recipe.crops.contains(number) else {
                throw Failure(.usage, "--crop \(quoted(crop)): expected 0 to 9, or all")
            }
            return [number]
        }
    }
}
