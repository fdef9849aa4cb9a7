extension ServeReport {
    /// A table for people, and a line for whatever went not as planned.
    var text: String {
        var lines = [heading, load, ""]
        let names = ["request", "requests/s", "snippets/s"] + Phase.percentiles.map(\.name) + ["max", "mean, ms"]
        lines.append(row(names))
        lines += phases.map { row(cells($0)) }
        lines.append("")
        lines += phases.flatMap(notes)
        return lines.joined(separator: "\n")
    }

    private var heading: String {
        let server = own.map { "own server at \(url), \($0.workers) workers, kernels \($0.kernels)" } ?? url
        return server + (model.map { ", model \($0), answers as \(form.rawValue)" } ?? "")
    }

    private var load: String {
        let times = "\(trimmed(seconds)) s after \(trimmed(warmup)) s of warm-up"
        return switch pace {
        case .closed: "closed loop of \(clients) clients, \(times)"
        case .open(let rate):
            "open loop of \(trimmed(rate)) requests/s over \(clients) connections, \(times); "
                + "latency from when a request was due"
        }
    }

    private func name(_ phase: Phase) -> String { phase.snippets.map { "\($0) snippets" } ?? "GET /livez" }

    private func cells(_ phase: Phase) -> [String] {
        let snippets = phase.snippets.map { ReportText.fixed(phase.rate * Double($0), 0) } ?? "-"
        let latencies = phase.latencies.map { $0.percentiles + [$0.max, $0.mean] }
        return [name(phase), ReportText.fixed(phase.rate, 1), snippets]
            + (latencies.map { $0.map { ReportText.fixed($0, $0 < 10 ? 3 : $0 < 1_000 ? 2 : 1) } }
                ?? Array(repeating: "-", count: Phase.percentiles.count + 2))
    }

    private func notes(_ phase: Phase) -> [String] {
        let (tally, name) = (phase.tally, name(phase))
        var lines = [
            "\(name): \(tally.answered) of \(tally.requests) requests answered, sent \(mebibytes(tally.bytesSent)), "
                + "received \(mebibytes(tally.bytesReceived))"
        ]
        if tally.errors > 0 { lines.append("\(name): errors, not in the latencies: \(tally.errorText)") }
        if let due = phase.schedule.due {
            let behind = "at most \(ReportText.fixed(phase.behind.milliseconds, 1)) ms behind the schedule"
            if phase.held {
                lines.append("\(name): the rate was held, \(behind)")
            } else {
                lines.append(
                    "\(name): THE RATE WAS NOT HELD: \(phase.schedule.unsent?.count ?? 0) of \(due) requests were never "
                        + "sent and are not in the latencies, \(behind)")
            }
        }
        if let share = phase.share {
            lines.append(
                "\(name): HTTP's own share of a lone request's time \(ReportText.fixed(100 * share.share, 2)) % "
                    + "(request \(ReportText.fixed(share.request, 3)) ms, engine alone "
                    + "\(ReportText.fixed(share.engine, 3)) ms, \(share.pairs) pairs)")
        }
        return lines
    }

    private func row(_ cells: [String]) -> String {
        ReportText.row(cells, widths: [16, 11, 11] + Array(repeating: 10, count: Phase.percentiles.count + 2))
    }

    private func mebibytes(_ bytes: Int) -> String { "\(ReportText.fixed(Double(bytes) / Double(1 << 20), 1)) MiB" }

    private func trimmed(_ value: Double) -> String { Int(exactly: value).map(String.init) ?? "\(value)" }
}
