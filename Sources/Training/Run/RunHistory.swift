import JSON

/// What a run has gone through, as its state, its model and its lines tell it.
public struct RunHistory: Equatable, Sendable {
    /// The losses of an epoch, means over its steps.
    public struct Epoch: Equatable, Sendable {
        /// Steps.
        public var steps = 0
        /// Sums of the steps' losses: the whole, coarse, MIL-Align, contrast.
        var sums = [0.0, 0.0, 0.0, 0.0]

        /// The mean of the whole loss; the others follow in the order of ``names``.
        public var means: [Double] { sums.map { $0 / Double(max(steps, 1)) } }
        /// What the means are called.
        public static let names = ["loss", "loss_coarse", "loss_mil_align", "loss_contrast"]

        mutating func add(_ report: StepReport) {
            let losses = [report.loss, report.lossCoarse, report.lossMILAlign, report.lossContrast]
            for (index, loss) in losses.enumerated() { sums[index] += Double(loss) }
            steps += 1
        }
    }

    /// One validation.
    public struct Validation: Equatable, Sendable {
        /// The epoch, counted from 1.
        public var epoch: Int
        /// Steps of the epoch that were done.
        public var step: Int
        /// What was measured, by ``RunSettings/Metric``.
        public var figures: [RunSettings.Metric: Double]
    }

    /// The epochs, the one that is under way last.
    public var epochs: [Epoch] = []
    /// The validations in order.
    public var validations: [Validation] = []
    /// The place of the best one among them.
    public var best: Int?

    /// The best validation.
    public var bestValidation: Validation? { best.flatMap { validations.indices.contains($0) ? validations[$0] : nil } }

    /// Writes the members of a JSON object.
    func write(to json: inout JSONWriter) {
        json.key("epochs")
        json.array(epochs) { json, epoch in
            json.object { json in
                json.member("steps", epoch.steps)
                for (name, mean) in zip(Epoch.names, epoch.means) { json.member(name, mean) }
            }
        }
        json.key("validations")
        json.array(validations) { json, validation in validation.write(to: &json) }
        json.member("best", best)
    }
}

extension RunHistory.Validation {
    /// Writes it as a JSON object.
    func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("epoch", epoch)
            json.member("step", step)
            write(figuresTo: &json)
        }
    }

    /// The figures as members.
    func write(figuresTo json: inout JSONWriter) {
        for metric in RunSettings.Metric.allCases {
            if let value = figures[metric] { json.member(metric.rawValue, value) }
        }
    }

    init?(_ json: JSONValue) {
        guard let epoch = json["epoch"]?.integer, let step = json["step"]?.integer else { return nil }
        self.epoch = epoch
        self.step = step
        figures = [:]
        for metric in RunSettings.Metric.allCases { figures[metric] = json[metric.rawValue]?.double }
    }
}
