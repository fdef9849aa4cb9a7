import JSON

extension ServeReport {
    /// The same for programs; docs/command-line.md says what the keys mean.
    var json: [UInt8] {
        JSONWriter.document { json in
            json.object { json in
                json.member("url", url)
                json.member("own_server", own != nil)
                json.member("workers", own?.workers)
                json.member("kernels", own?.kernels)
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
