import ArgumentParser
import Service

/// The options of a score that the command line shares with the query of `POST /score`.
struct ScoreOptionGroup: ParsableArguments {
    @Option(help: "Labels to score against, separated by commas, the normal class first; needs a text tower.")
    var labels: String?
    @Option(help: "Frames a second, which gives segments their seconds.")
    var fps: String?
    @Option(help: "A segment begins where the coarse score is at least this. (default: 0.5)")
    var threshold: String?
    @Option(help: "A segment goes on while the coarse score is at least this. (default: the threshold)")
    var leave: String?
    @Option(help: "Segments shorter than this are dropped. (default: 1)")
    var minSnippets: String?
    @Option(help: "Segments fewer than this many snippets apart are one. (default: 0)")
    var mergeGap: String?
    @Flag(help: "Give the logits too.")
    var logits = false

    /// The options, from the command line or `settings`, checked as the service checks them.
    func options(_ settings: Settings) throws -> ScoreOptions {
        let given: [(name: String, value: String?)] = [
            ("labels", labels), ("fps", fps), ("threshold", threshold), ("leave", leave),
            ("min-snippets", minSnippets), ("merge-gap", mergeGap), ("logits", logits ? "true" : nil),
        ]
        let pairs = try given.compactMap { name, flag in
            try settings.text(name, flag).map { (name: String(name.map { $0 == "-" ? "_" : $0 }), value: $0) }
        }
        return try ScoreOptions(pairs: pairs)
    }
}
