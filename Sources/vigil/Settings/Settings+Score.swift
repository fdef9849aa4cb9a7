import Service

extension Settings {
    /// What is asked of a score, checked as the service checks it.
    func scoreOptions() throws -> ScoreOptions {
        let labels = try entries(ifSet: "labels").map { GivenValue.json(.array($0.map { .string($0) })) }
        let given: [(name: String, value: String?)] = [
            ("fps", try number(ifSet: "fps").map { "\($0)" }),
            ("threshold", try number(ifSet: "threshold").map { "\($0)" }),
            ("leave", try number(ifSet: "leave").map { "\($0)" }),
            ("min_snippets", "\(try integer("min-snippets"))"), ("merge_gap", "\(try integer("merge-gap"))"),
            ("logits", "\(try isOn("logits"))"),
        ]
        do throws(OptionError) {
            return try ScoreOptions(
                [labels.map { Parameter("labels", $0) }].compactMap(\.self)
                    + given.compactMap { name, value in value.map { Parameter(name, .text($0)) } })
        } catch {
            throw failure(error.name.utf8Mapped { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }, error.problem)
        }
    }
}
