import JSON
import Jobs

/// What `vigil bench serve` measured.
struct ServeReport {
    /// A load with videos of one length.
    struct Phase {
        let snippets: Int?
        let schedule: LoadSchedule
        let tally: LoadTally
        var share: HTTPShare?
    }

    let url: String
    /// Workers and kernels of the server in this process; nil where another one was driven.
    let own: (workers: Int, kernels: String, compute: String)?
    /// Name of the model; nil where nothing was scored.
    let model: String?
    let form: LoadTarget.Form
    let clients: Int
    let pace: LoadSchedule.Pace
    let warmup: Double
    let seconds: Double
    let phases: [Phase]
}

extension ServeReport.Phase {
    /// Percentiles that are reported.
    static let percentiles: [(name: String, value: Double)] = [
        ("p50", 50), ("p75", 75), ("p90", 90), ("p99", 99), ("p99.9", 99.9),
    ]

    /// Good answers a second of the window.
    var rate: Double {
        let seconds = schedule.length.milliseconds / 1e3
        return seconds > 0 ? Double(tally.answersInWindow) / seconds : 0
    }

    /// Milliseconds at the percentiles, the largest and the mean; nil where nothing was answered.
    var latencies: (percentiles: [Double], max: Double, mean: Double)? {
        guard tally.answered > 0 else { return nil }
        let found = Self.percentiles.map { Double(tally.latencies.valueAtPercentile($0.value)) / 1e6 }
        return (found, Double(tally.latencies.maxRecorded) / 1e6, tally.latencies.mean / 1e6)
    }

    /// The most that the sending was behind the schedule.
    var behind: Duration { max(tally.longestLine, schedule.unsent?.behind ?? .zero) }

    /// Whether the schedule was kept, but for a line that is short against the window.
    var held: Bool { (schedule.unsent?.count ?? 0) * 100 <= schedule.due ?? 0 }
}

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
        let server =
            own.map { "own server at \(url), \($0.workers) workers, kernels \($0.kernels), \($0.compute)" } ?? url
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

extension ServeReport {
    /// The same for programs; docs/command-line.md says what the keys mean.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("url", url)
                json.member("own_server", own != nil)
                json.member("workers", own?.workers)
                json.member("kernels", own?.kernels)
                json.member("compute", own?.compute)
                json.member("model", model)
                json.member("target", model == nil ? "livez" : "score")
                json.member("answers", model == nil ? nil : form.rawValue)
                json.member("loop", pace == .closed ? "closed" : "open")
                if case .open(let rate) = pace { json.member("rate", rate) } else { json.member("rate", nil as Int?) }
                json.member("clients", clients)
                json.member("warmup_seconds", warmup)
                json.member("seconds", seconds)
                json.key("phases")
                json.array(phases) { $1.write(to: &$0) }
            }
        }
    }
}

extension ServeReport.Phase {
    fileprivate func write(to json: inout JSONWriter) {
        json.object { json in
            json.member("snippets", snippets)
            json.member("measured_seconds", schedule.length.milliseconds / 1e3)
            json.member("requests", tally.requests)
            json.member("answered", tally.answered)
            json.key("errors")
            writeErrors(to: &json)
            json.member("requests_per_second", rate)
            json.member("snippets_per_second", snippets.map { rate * Double($0) })
            json.member("bytes_sent", tally.bytesSent)
            json.member("bytes_received", tally.bytesReceived)
            json.key("latency_ms")
            writeLatencies(to: &json)
            json.key("schedule")
            writeSchedule(to: &json)
            json.key("http_share")
            writeShare(to: &json)
        }
    }

    /// 429 and 503 are always there, other statuses where they came.
    private func writeErrors(to json: inout JSONWriter) {
        let statuses = tally.statuses.merging([429: 0, 503: 0]) { found, _ in found }
        json.object { json in
            json.member("total", tally.errors)
            json.key("statuses")
            json.object { json in
                for (status, count) in statuses.sorted(by: { $0.key < $1.key }) { json.member("\(status)", count) }
            }
            json.member("failed_jobs", tally.failedJobs)
            json.member("broken_connections", tally.broken)
        }
    }

    private func writeLatencies(to json: inout JSONWriter) {
        guard let latencies else { return json.null() }
        json.object { json in
            for (percentile, value) in zip(Self.percentiles, latencies.percentiles) {
                json.member(percentile.name, value)
            }
            json.member("max", latencies.max)
            json.member("mean", latencies.mean)
        }
    }

    private func writeSchedule(to json: inout JSONWriter) {
        guard let due = schedule.due else { return json.null() }
        json.object { json in
            json.member("due", due)
            json.member("unsent", schedule.unsent?.count ?? 0)
            json.member("behind_ms", behind.milliseconds)
            json.member("held", held)
        }
    }

    private func writeShare(to json: inout JSONWriter) {
        guard let share else { return json.null() }
        json.object { json in
            json.member("share", share.share)
            json.member("request_ms", share.request)
            json.member("engine_ms", share.engine)
            json.member("difference_ms", share.difference)
            json.member("pairs", share.pairs)
        }
    }
}
