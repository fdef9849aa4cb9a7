import JSON

/// What a run tells while it goes on.
public enum RunEvent: Sendable {
    /// A step was made.
    case step(Step)
    /// What a step takes here is known, in seconds.
    case pace(secondsPerStep: Double)
    /// The weights were validated; `isBest` where none were better.
    case validation(RunHistory.Validation, isBest: Bool, seconds: Double)
    /// An epoch has ended, counted from 1; `returnsTo` is the epoch whose weights the next one begins with, if not its own.
    case epoch(number: Int, RunHistory.Epoch, returnsTo: Int?)
    /// The state was saved after this step of this epoch, both counted from 1.
    case saved(epoch: Int, step: Int)

    /// A step, and how far the run is.
    public struct Step: Sendable {
        /// The epoch, counted from 1.
        public let epoch: Int
        /// The step in it, counted from 1.
        public let step: Int
        /// Steps of the epoch.
        public let steps: Int
        /// Steps of the whole run that are done, with this one.
        public let done: Int
        /// Steps of the whole run.
        public let all: Int
        /// Samples of the step.
        public let samples: Int
        /// AdamW's rate.
        public let rate: Double
        /// The losses.
        public let report: StepReport
        /// Seconds that the rest takes at the pace so far; nil in the first steps.
        public let secondsLeft: Double?
    }

    /// The event as a JSON object, a line of it.
    public var json: [UInt8] {
        JSONWriter.document { json in json.object { json in write(to: &json) } }
    }

    private func write(to json: inout JSONWriter) {
        switch self {
        case .step(let step):
            json.member("event", "step")
            json.member("epoch", step.epoch)
            json.member("step", step.step)
            json.member("steps", step.steps)
            json.member("samples", step.samples)
            json.member("rate", step.rate)
            json.member("loss", step.report.loss)
            json.member("loss_coarse", step.report.lossCoarse)
            json.member("loss_mil_align", step.report.lossMILAlign)
            json.member("loss_contrast", step.report.lossContrast)
            json.member("seconds_left", step.secondsLeft.map { $0.rounded() })
        case .pace(let seconds):
            json.member("event", "pace")
            json.member("seconds_per_step", seconds)
        case .validation(let validation, let isBest, let seconds):
            json.member("event", "validation")
            json.member("epoch", validation.epoch)
            json.member("step", validation.step)
            validation.write(figuresTo: &json)
            json.member("best", isBest)
            json.member("seconds", seconds)
        case .epoch(let number, let epoch, let returnsTo):
            json.member("event", "epoch")
            json.member("epoch", number)
            for (name, mean) in zip(RunHistory.Epoch.names, epoch.means) { json.member(name, mean) }
            json.member("returns_to_epoch", returnsTo)
        case .saved(let epoch, let step):
            json.member("event", "saved")
            json.member("epoch", epoch)
            json.member("step", step)
        }
    }
}
