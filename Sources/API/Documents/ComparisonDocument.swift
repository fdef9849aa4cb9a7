import JSON
public import Scoring
public import VadCLIP

/// What two models made of the same features, as JSON.
public struct ComparisonDocument: Sendable {
    /// The scores and their differences.
    public let comparison: ScoreComparison
    private let results: [ScoreDocument]

    /// Compares two results of the same features.
    ///
    /// - Parameters:
    ///   - first: the first result
    ///   - second: the other result
    ///   - times: when each snippet begins and the last one ends, in seconds, where that is known better than by a rate
    public init(_ first: ScoreResult, _ second: ScoreResult, times: [Double] = []) {
        var documents = [ScoreDocument(first), ScoreDocument(second)]
        if !times.isEmpty { for index in documents.indices { documents[index].times = times } }
        comparison = ScoreComparison(documents[0].scored, documents[1].scored)
        results = documents
    }

    /// When a segment begins and ends, in seconds; nil where neither times nor a rate are known.
    public func seconds(of segment: Segment) -> (start: Double, end: Double)? { results[0].seconds(of: segment) }

    /// The comparison of a file that was scored without a server, with the file's name and what looked wrong in it.
    public func json(file: String, warnings: [String]) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("file", file)
                json.member("warnings", warnings)
                json.key("results")
                json.array(results) { $1.write(to: &$0) }
                json.key("comparison")
                write(to: &json)
            }
        }
    }

    /// The comparison of two jobs that were handed in together.
    func json(batch id: String) -> [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("batch", id)
                json.key("results")
                json.array(results) { $1.write(to: &$0) }
                json.key("comparison")
                write(to: &json)
            }
        }
    }

    /// About how many bytes that takes.
    static func jsonEstimate(_ first: ScoreResult, _ second: ScoreResult) -> Int {
        ScoreDocument.jsonEstimate(first) + ScoreDocument.jsonEstimate(second) + 12 * first.logits.snippets
    }

    /// Writes the comparison object.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.key("coarse")
            json.object { json in
                members(of: comparison.coarseDifference, to: &json)
                json.key("differences")
                json.array(comparison.coarse[...])
            }
            json.key("fine")
            if let fine = comparison.fineDifference {
                json.object { members(of: fine, to: &$0) }
            } else {
                json.null()
            }
            json.key("segments")
            json.object { json in
                json.key("lost")
                json.array(comparison.lost) { results[0].write($1, to: &$0) }
                json.key("gained")
                json.array(comparison.gained) { results[1].write($1, to: &$0) }
            }
        }
    }

    private func members(of difference: ScoreComparison.Difference, to json: inout JSONWriter) {
        json.member("largest", difference.largest)
        json.member("snippet", difference.snippet)
        json.member("mean", difference.mean)
    }
}
