import ArgumentParser

/// What a job is asked for: the parameters of POST /score, which the server reads.
struct ScoreQuery: ParsableArguments {
    @Option(help: "Which model, NAME or NAME@SHA256; repeated for a job by each. (default: the server's)")
    var model: [String] = []
    @Option(help: "A second model, whose scores are compared with those of --model.")
    var compare: String?
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
    @Flag(help: "Have the logits too.")
    var logits = false
    @Option(help: "low, normal or high. (default: normal)")
    var priority: String?
    @Option(help: "Seconds, or a time, after which a job is not begun any more.")
    var deadline: String?
    @Option(help: "A URL that the server tells of the end of each job.")
    var callback: String?
    @Option(help: "What to call the job, where one file is submitted. (default: the file's name)")
    var name: String?
    @Option(help: "The camera that the video is of, by whose name the server tells others what is found.")
    var camera: String?
    @Option(help: "Of features that hold several crops: one of them, from 0 on, or mean.")
    var crop: String?
    @Option(help: "Of a video: mean, first or middle of its frames' features. (default: mean)")
    var pool: String?
    @Option(help: "Of a video: by what frames are counted out to rows, frames or time. (default: frames)")
    var cadence: String?
    @Option(help: "Of a video: whether the frames behind the last whole row make one, drop or keep. (default: drop)")
    var tail: String?
    @Option(help: "Of a video: how many of its segments get a picture, which html shows. (default: none)")
    var thumbnails: String?
    @Flag(help: "Have reports on the features, and queue nothing.")
    var validateOnly = false

    /// The parameters that were given, in the order of the options.
    var parameters: [(name: String, value: String)] {
        let given: [(String, String?)] = [
            ("compare", compare), ("labels", labels), ("fps", fps), ("threshold", threshold), ("leave", leave),
            ("min_snippets", minSnippets), ("merge_gap", mergeGap), ("logits", logits ? "true" : nil),
            ("priority", priority), ("deadline", deadline), ("callback", callback), ("name", name), ("camera", camera),
            ("crop", crop), ("pool", pool), ("cadence", cadence), ("tail", tail), ("thumbnails", thumbnails),
            ("validate_only", validateOnly ? "true" : nil),
        ]
        return model.map { ("model", $0) } + given.compactMap { name, value in value.map { (name, $0) } }
    }
}
