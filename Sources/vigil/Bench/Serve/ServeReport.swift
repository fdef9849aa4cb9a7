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
    let own: (workers: Int, kernels: String)?
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
