import Platform

/// How far it is with the frames that become features.
struct ExtractBar {
    private let name: String
    private let unit: String
    private let begun = MonotonicTime.now
    private let line = RunningLine()

    /// - Parameters:
    ///   - name: the video's
    ///   - unit: what is counted
    init(name: String, unit: String = "frames") { (self.name, self.unit) = (name, unit) }

    /// Shows how far it is, on a terminal.
    func show(_ done: Int, of count: Int?) {
        guard Terminal.isInteractive else { return }
        line.show { text(done, of: count, seconds: (MonotonicTime.now - begun).inSeconds, columns: $0) }
    }

    /// Takes the line away, for one that stays.
    func clear() { line.clear() }

    /// `[####--------] clip.ppm, 480/1600 frames, 6.6 a second, 2 min left`, without a bar where nobody knows how many there are.
    func text(_ done: Int, of count: Int?, seconds: Double, columns: Int) -> String {
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let told = "\(Terminal.line(name)), \(done)"
        guard let count, count > 0 else { return "\(told) \(unit), \(ReportText.fixed(rate, 1)) a second" }
        let left = rate > 0 ? ", \(TimeText.of(Double(max(count - done, 0)) / rate)) left" : ""
        let text = "\(told)/\(count) \(unit), \(ReportText.fixed(rate, 1)) a second\(left)"
        return RunningLine.bar(done, of: count, before: text, columns: columns)
    }
}
