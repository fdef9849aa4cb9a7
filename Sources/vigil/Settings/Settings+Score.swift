import Service

extension Settings {
    /// What is asked of a score, checked as the service checks it.
    func scoreOptions() throws -> ScoreOptions {
        let given: [(name: String, value: String?)] = [
            ("labels", try joined("labels")), ("fps", try number(ifSet: "fps").map { "\($0)" }),
            ("threshold", try number(ifSet: "threshold").map { "\($0)" }),
            ("leave", try number(ifSet: "leave").map { "\($0)" }),
            ("min_snippets", "\(try integer("min-snippets"))"), ("merge_gap", "\(try integer("merge-gap"))"),
            ("logits", "\(try isOn("logits"))"),
        ]
        do throws(OptionError) {
            return try ScoreOptions(pairs: given.compactMap { name, value in value.map { (name: name, value: $0) } })
        } catch {
            throw failure(error.name.utf8Mapped { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }, error.problem)
        }
    }
}
