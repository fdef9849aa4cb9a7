import JSON
import VadCLIP

/// The scores of one chunk as JSON, the same numbers as in the whole result.
struct ChunkDocument {
    /// The chunk, from 0.
    let chunk: Int
    /// Its snippets.
    let range: Range<Int>
    /// Class labels, the normal class first.
    let labels: [String]
    /// The model's output for the chunk.
    let logits: Logits
    /// Whether the client asked for the logits too.
    let showsLogits: Bool

    /// The chunk object.
    var json: [UInt8] {
        let scores = Scores(logits, labels: labels)
        var writer = JSONWriter(reserving: 512 + 12 * (scores.coarse.count + scores.fine.count) * (showsLogits ? 2 : 1))
        writer.object { json in
            json.member("chunk", chunk)
            json.member("start", range.lowerBound)
            json.member("end", range.upperBound)
            json.key("coarse")
            json.array(scores.coarse[...])
            json.key("fine")
            json.object { json in
                json.key("labels")
                json.array(labels) { $0.string($1) }
                json.key("scores")
                json.array(scores.fine, rowsOf: labels.count)
            }
            guard showsLogits else { return }
            json.key("logits")
            json.object { json in
                json.key("coarse")
                json.array(logits.coarse[...])
                json.key("fine")
                json.array(logits.fine, rowsOf: labels.count)
            }
        }
        return writer.bytes
    }
}
