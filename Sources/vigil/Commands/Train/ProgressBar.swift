import Training

/// How far a training is: a bar, the loss, the rate, the time left.
struct ProgressBar {
    private let line = RunningLine()

    /// Shows a step.
    func show(_ step: RunEvent.Step) {
        line.show(isLast: step.done == step.all) { Self.text(step, columns: $0) }
    }

    /// Takes the line away, for one that stays.
    func clear() { line.clear() }

    /// `[######------] epoch 3/10, step 17/125, loss 0.4213, rate 2e-05, 1 h 12 min left`.
    static func text(_ step: RunEvent.Step, columns: Int) -> String {
        let epochs = step.all / max(step.steps, 1)
        let loss = ReportText.fixed(Double(step.report.loss), 4)
        let left = step.secondsLeft.map { ", \(TimeText.of($0)) left" } ?? ""
        let text =
            "epoch \(step.epoch)/\(epochs), step \(step.step)/\(step.steps), loss \(loss), rate \(step.rate)\(left)"
        return RunningLine.bar(step.done, of: step.all, before: text, columns: columns)
    }
}
