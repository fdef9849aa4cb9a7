import Platform

/// One line of a terminal that is written again and again while something goes on, at most ten times a second.
final class RunningLine {
    private static let widest = 24
    /// A bar of fewer signs tells nothing.
    private static let narrowest = 4
    private let descriptor: Int32
    private var isShown = false
    private var shownAt = MonotonicTime(nanoseconds: 0)

    /// - Parameter descriptor: standard output or standard error
    init(on descriptor: Int32 = STDOUT_FILENO) { self.descriptor = descriptor }

    /// Shows what `text` makes of so many columns.
    ///
    /// - Parameter isLast: whether it is shown however soon it comes
    func show(isLast: Bool = false, _ text: (_ columns: Int) -> String) {
        let now = MonotonicTime.now
        guard !isShown || (now - shownAt).inSeconds > 0.1 || isLast else { return }
        (shownAt, isShown) = (now, true)
        let columns = max(20, Terminal.columns - 1)
        write("\r\u{1B}[K" + String(text(columns).prefix(columns)))
    }

    /// Takes the line away, for one that stays.
    func clear() {
        guard isShown else { return }
        isShown = false
        write("\r\u{1B}[K")
    }

    /// `[######------] text`: the bar takes what is left of the line, and goes first where that is short.
    static func bar(_ done: Int, of all: Int, before text: String, columns: Int) -> String {
        let width = min(widest, columns - text.count - 3)
        guard width >= narrowest else { return text }
        let filled = min(width, width * done / max(all, 1))
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "] \(text)"
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A terminal that takes no more loses a line and nothing else.
        _ = bytes.withUnsafeBytes { Descriptor(descriptor).write($0) }
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
