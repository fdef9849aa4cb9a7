import Platform
import Training

/// One line of a terminal that is written again and again: a bar, the loss, the rate, the time left.
final class ProgressBar {
    private static let widest = 24
    /// A bar of fewer signs tells nothing.
    private static let narrowest = 4
    private var isShown = false
    private var shownAt = MonotonicTime(nanoseconds: 0)

    /// Shows a step; at most ten times a second.
    func show(_ step: RunEvent.Step) {
        let now = MonotonicTime.now
        guard !isShown || (now - shownAt).inSeconds > 0.1 || step.done == step.all else { return }
        shownAt = now
        isShown = true
        let columns = max(20, Terminal.columns - 1)
        write("\r\u{1B}[K" + String(Self.text(step, columns: columns).prefix(columns)))
    }

    /// Takes the line away, for one that stays.
    func clear() {
        guard isShown else { return }
        isShown = false
        write("\r\u{1B}[K")
    }

    /// `[######------] epoch 3/10, step 17/125, loss 0.4213, rate 2e-05, 1 h 12 min left`: the bar takes what is left of the
    /// line, and goes first where that is short.
    static func text(_ step: RunEvent.Step, columns: Int) -> String {
        let epochs = step.all / max(step.steps, 1)
        let loss = ReportText.fixed(Double(step.report.loss), 4)
        let left = step.secondsLeft.map { ", \(TimeText.of($0)) left" } ?? ""
        let text =
            "epoch \(step.epoch)/\(epochs), step \(step.step)/\(step.steps), loss \(loss), rate \(step.rate)\(left)"
        let width = min(widest, columns - text.count - 3)
        guard width >= narrowest else { return text }
        let filled = width * step.done / max(step.all, 1)
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "] \(text)"
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A terminal that takes no more loses a bar and nothing else.
        _ = bytes.withUnsafeBytes { Descriptor(STDOUT_FILENO).write($0) }
    }
}

/// Lengths of time for people.
enum TimeText {
    /// `2 h 5 min`, `12 min`, `40 s`, `0.3 s`.
    static func of(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "a time unknown" }
        if seconds < 10 { return "\(ReportText.fixed(seconds, 1)) s" }
        let whole = Int(seconds.rounded())
        if whole < 120 { return "\(whole) s" }
        let minutes = (whole + 30) / 60
        if minutes < 120 { return "\(minutes) min" }
        return "\(minutes / 60) h \(minutes % 60) min"
    }
}
