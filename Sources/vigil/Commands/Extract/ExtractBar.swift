import Platform

/// One line of a terminal that is written again and again while frames become features.
final class ExtractBar {
    private static let widest = 24
    /// A bar of fewer signs tells nothing.
    private static let narrowest = 4
    private let name: String
    private let unit: String
    private let begun = MonotonicTime.now
    private var isShown = false
    private var shownAt = MonotonicTime(nanoseconds: 0)

    /// - Parameters:
    ///   - name: the video's
    ///   - unit: what is counted
    init(name: String, unit: String = "frames") { (self.name, self.unit) = (name, unit) }

    /// Shows how far it is, on a terminal; at most ten times a second.
    func show(_ done: Int, of count: Int?) {
        guard Terminal.isInteractive else { return }
        let now = MonotonicTime.now
        guard !isShown || (now - shownAt).inSeconds > 0.1 else { return }
        (shownAt, isShown) = (now, true)
        let columns = max(20, Terminal.columns - 1)
        let text = text(done, of: count, seconds: (now - begun).inSeconds, columns: columns)
        write("\r\u{1B}[K" + String(text.prefix(columns)))
    }

    /// Takes the line away, for one that stays.
    func clear() {
        guard isShown else { return }
        isShown = false
        write("\r\u{1B}[K")
    }

    /// `[####--------] clip.ppm, 480/1600 frames, 6.6 a second, 2 min left`, without a bar where nobody knows how many there are.
    func text(_ done: Int, of count: Int?, seconds: Double, columns: Int) -> String {
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let told = "\(Terminal.line(name)), \(done)"
        guard let count, count > 0 else { return "\(told) \(unit), \(ReportText.fixed(rate, 1)) a second" }
        let left = rate > 0 ? ", \(TimeText.of(Double(max(count - done, 0)) / rate)) left" : ""
        let text = "\(told)/\(count) \(unit), \(ReportText.fixed(rate, 1)) a second\(left)"
        let width = min(Self.widest, columns - text.count - 3)
        guard width >= Self.narrowest else { return text }
        let filled = min(width, width * done / count)
        return "[" + String(repeating: "#", count: filled) + String(repeating: "-", count: width - filled) + "] \(text)"
    }

    private func write(_ text: String) {
        let bytes = Array(text.utf8)
        // A terminal that takes no more loses a bar and nothing else.
        _ = bytes.withUnsafeBytes { Descriptor(STDOUT_FILENO).write($0) }
    }
}
