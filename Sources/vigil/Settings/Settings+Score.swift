import Scoring

extension Settings {
    /// What is asked of a score, checked as the service checks it.
    ///
    /// - Parameters:
    ///   - beside: what stands beside the features of a file, which may be given there or here
    ///   - label: what that file is called
    func scoreOptions(beside: [Parameter] = [], in label: String = "") throws -> ScoreOptions {
        let labels = try entries(ifSet: "labels").map { GivenValue.json(.array($0.map { .string($0) })) }
        let given: [(name: String, value: String?)] = [
            ("fps", try number(ifSet: "fps").map { "\($0)" }),
            ("threshold", try number(ifSet: "threshold").map { "\($0)" }),
            ("leave", try number(ifSet: "leave").map { "\($0)" }),
            ("min_snippets", "\(try integer("min-snippets"))"), ("merge_gap", "\(try integer("merge-gap"))"),
            ("logits", "\(try isOn("logits"))"),
        ]
        var own = labels.map { [Parameter("labels", $0)] } ?? []
        for (name, value) in given {
            // A default gives way to what the file says; what was set does not.
            let isSet = place(of: Self.setting(name)) != nil
            guard let value, isSet || !beside.contains(where: { $0.name == name }) else { continue }
            own.append(Parameter(name, .text(value)))
        }
        do throws(OptionError) { return try ScoreOptions(own + beside) } catch {
            if beside.contains(where: { $0.name == error.name }) { throw Failure(.badData, "\(label): \(error)") }
            throw failure(Self.setting(error.name), error.problem)
        }
    }

    /// The setting that a parameter is.
    private static func setting(_ parameter: String) -> String {
        parameter.utf8Mapped { $0 == UInt8(ascii: "_") ? UInt8(ascii: "-") : $0 }
    }
}
