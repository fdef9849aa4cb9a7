import JSON
import Platform

/// What a run tells while it goes on: a bar on a terminal, else a line of JSON for each thing that happens.
final class SubmitReport: Sendable {
    private struct State {
        var submitted = 0
        var known = 0
        var ended = 0
        var failed = 0
        var bytes = 0
        var fault: (any Error)?
        let line = RunningLine()
    }

    private let files: Int
    private let isWaiting: Bool
    private let isJSON: Bool
    private let begun = MonotonicTime.now
    private let state = Monitor(State())

    /// - Parameters:
    ///   - files: how many there are
    ///   - isWaiting: whether the jobs' ends are waited for
    init(files: Int, isWaiting: Bool, isJSON: Bool) {
        (self.files, self.isWaiting, self.isJSON) = (files, isWaiting, isJSON)
    }

    /// How many files and jobs went wrong.
    var failed: Int { state.withLock { $0.failed } }

    /// Bytes were sent.
    func sent(_ bytes: Int) {
        state.withLock { state in
            state.bytes += bytes
            show(&state)
        }
    }

    /// A file has its jobs.
    ///
    /// - Parameter source: how they were had: `sent`, `replayed` by the server, or `resumed`, when nothing was sent
    func submitted(_ file: String, _ entry: ResumeFile.Entry, source: String) {
        tell { json in
            json.member("event", "submitted")
            json.member("file", file)
            json.member(entry.isBatch ? "batch" : "job", entry.id)
            json.member("source", source)
        } count: {
            $0.submitted += 1
            $0.known += source.hasBytes(of: "sent") ? 0 : 1
        }
    }

    /// A file has been looked at by the server.
    func report(_ file: String, _ report: [UInt8]) {
        tell { json in
            json.member("event", "report")
            json.member("file", file)
            json.key("report")
            json.raw(OneLine.of(report))
        } count: {
            $0.submitted += 1
        }
    }

    /// A job has ended.
    ///
    /// - Parameters:
    ///   - reason: why it has no result
    ///   - output: where that is
    ///   - gist: what it comes to, where that is known
    ///   - warnings: what is to be said of it
    func ended(
        _ file: String, job: String, status: String, reason: String?, output: String?, gist: ResultGist? = nil,
        warnings: [String] = []
    ) {
        tell { json in
            json.member("event", "ended")
            json.member("file", file)
            json.member("job", job)
            json.member("status", status)
            if let reason { json.member("reason", reason) }
            if let gist {
                json.member("coarse", gist.coarse)
                json.member("segments", gist.labels.count)
            }
            if !warnings.isEmpty { json.member("warnings", warnings) }
            if let output { json.member("output", output) }
        } count: {
            $0.ended += 1
            $0.failed += reason == nil ? 0 : 1
        }
        if let reason { note("\(file): job \(job): \(reason)") }
        guard !isJSON else { return }
        if let gist, output == nil { note("\(file): \(gist.text)") }
        for warning in warnings { note("\(file): \(warning)") }
    }

    /// A file could not be submitted, or what became of it not be had.
    func failed(_ file: String, _ reason: String, _ problem: ServerProblem?) {
        tell { json in
            json.member("event", "failed")
            json.member("file", file)
            json.member("reason", reason)
            json.member("status", problem?.status)
            json.member("type", problem?.type)
        } count: {
            $0.failed += 1
        }
        note("\(file): \(reason)")
    }

    /// Says how it went.
    func finish() throws {
        let (fault, summary) = state.withLock { state in
            state.line.clear()
            return (state.fault, self.summary(state))
        }
        if let fault { throw fault }
        if !isJSON { try Terminal.print(Array(summary.utf8)) }
    }

    private func summary(_ state: State) -> String {
        let known = state.known > 0 ? " (already there: \(state.known))" : ""
        let ended = isWaiting ? ", \(counted(state.ended, "job")) ended" : ""
        let failed = state.failed > 0 ? ", \(state.failed) failed" : ""
        return "\(counted(files, "file")): \(state.submitted) submitted\(known)\(ended)\(failed)"
    }

    private func tell(_ body: (inout JSONWriter) -> Void, count: (inout State) -> Void) {
        let line = JSONWriter.document { $0.object(body) }
        state.withLock { state in
            count(&state)
            guard isJSON else { return show(&state) }
            do { try Terminal.print(line, asJSON: true) } catch { state.fault = state.fault ?? error }
        }
    }

    private func note(_ text: String) {
        state.withLock { state in
            state.line.clear()
            Terminal.note(text)
        }
    }

    private func show(_ state: inout State) {
        guard !isJSON, Terminal.isInteractive else { return }
        let done = isWaiting ? min(state.ended + state.failed, files) : min(state.submitted + state.failed, files)
        let rate = Double(state.bytes) / max((MonotonicTime.now - begun).inSeconds, 0.001) / Double(1 << 20)
        let ended = isWaiting ? ", \(state.ended) ended" : ""
        let failed = state.failed > 0 ? ", \(state.failed) failed" : ""
        let text = "\(state.submitted)/\(files) submitted\(ended)\(failed), \(ReportText.fixed(rate, 1)) MiB/s"
        state.line.show { RunningLine.bar(done, of: files, before: text, columns: $0) }
    }
}
