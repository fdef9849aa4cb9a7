import Platform

/// How many files are done, on a terminal where standard error is one.
struct FilesBar {
    private let count: Int
    private let begun = MonotonicTime.now
    private let line = RunningLine(on: STDERR_FILENO)

    /// A bar of so many files.
    init(of count: Int) { self.count = count }

    /// Shows how far it is.
    func show(_ done: Int) {
        guard isatty(STDERR_FILENO) == 1 else { return }
        line.show { Self.text(done, of: count, seconds: (MonotonicTime.now - begun).inSeconds, columns: $0) }
    }

    /// Takes the line away, for one that stays.
    func clear() { line.clear() }

    /// `[####--------] 12/40 files, 5 s left`.
    static func text(_ done: Int, of count: Int, seconds: Double, columns: Int) -> String {
        let left =
            done > 0 && done < count ? ", \(TimeText.of(seconds / Double(done) * Double(count - done))) left" : ""
        return RunningLine.bar(done, of: count, before: "\(done)/\(count) files\(left)", columns: columns)
    }
}
