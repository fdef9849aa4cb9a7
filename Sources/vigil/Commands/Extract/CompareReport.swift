import Extraction
import Frames
import JSON
import Platform
import Tensors

/// Which recipe comes nearest to features that are there, as it is told.
struct CompareReport {
    let input: String
    let released: String
    let framesPerRow: Int
    let compute: Compute
    let comparison: RecipeComparison

    /// So many of the nearest are told.
    private static let told = 8

    /// The lowest cosine with which features are of the same recipe: in fewer bits they are a little off in any.
    private var same: Double { compute == .float32 ? 0.9999 : 0.999 }

    private var nearest: [RecipeComparison.Candidate] { Array(comparison.candidates.prefix(Self.told)) }

    /// What it comes to, in a sentence.
    var verdict: String {
        guard let best = comparison.candidates.first else { return "nothing could be compared" }
        var text: String
        switch best.lowest {
        case same...: text = "this is how they were made, but for what decoders and arithmetic differ"
        case 0.99...: text = "near, but something else was done too: another decoder, resize or precision"
        default: text = "none of the ways that are known: another video, cadence, tower or recipe"
        }
        if best.lowest >= 0.99, abs(best.length - 1) > 0.01 {
            text +=
                "; the released rows have \(ReportText.fixed(1 / best.length, 3)) times the length, as if normalised"
        }
        return text
    }

    /// What is to be said of how many rows there are; nil where as many as the frames make.
    private var count: String? {
        let rows = comparison.frames / framesPerRow
        let (fewest, most) = (rows, rows + (comparison.frames.isMultiple(of: framesPerRow) ? 0 : 1))
        guard !(fewest...most).contains(comparison.rows) else { return nil }
        return
            "\(comparison.frames) frames make \(rows) rows of \(framesPerRow), and there are \(comparison.rows): the frames "
            + "are others, or were taken at another cadence"
    }

    /// For a person.
    var text: String {
        let head = [
            "\(released): \(comparison.rows) rows; \(input): \(comparison.frames) frames",
            "recipe      crop    pool  offset  rows    cosine    lowest  largest difference",
        ]
        let lines = nearest.map { one in
            ReportText.row(
                [
                    one.recipe.kind.rawValue, one.recipe.crop.map(String.init) ?? "square", one.pooling.rawValue,
                    String(one.offset), String(one.rows), ReportText.fixed(one.cosine, 6),
                    ReportText.fixed(one.lowest, 6),
                    ReportText.fixed(Double(one.difference), 5),
                ], widths: [8, 8, 8, 8, 6, 10, 10, 20])
        }
        return (head + lines + [verdict] + (count.map { ["note: \($0)"] } ?? [])).joined(separator: "\n")
    }

    /// For a program.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", input)
                json.member("compared", released)
                json.member("frames", comparison.frames)
                json.member("rows", comparison.rows)
                json.member("compute", compute.rawValue)
                json.key("nearest")
                json.array(nearest) { json, one in
                    json.object { json in
                        json.member("recipe", one.recipe.kind.rawValue)
                        json.member("crop", one.recipe.crop)
                        json.member("pool", one.pooling.rawValue)
                        json.member("offset", one.offset)
                        json.member("rows", one.rows)
                        json.member("cosine", one.cosine)
                        json.member("lowest_cosine", one.lowest)
                        json.member("largest_difference", Double(one.difference))
                        json.member("length", one.length)
                    }
                }
                json.member("verdict", verdict)
                json.member("warnings", count.map { [$0] } ?? [])
            }
        }
    }
}
