import JSON
import Platform
import Testing

@testable import vigil

@Suite("The report of bench serve")
struct ServeReportTests {
    private let zero = MonotonicTime(nanoseconds: 0)

    /// A second with an answer every 100 ms that took 20 ms, and three errors.
    private func phase(_ pace: LoadSchedule.Pace, sent: Int = 10, share: HTTPShare? = nil) -> ServeReport.Phase {
        var schedule = LoadSchedule(pace: pace, begin: zero, warmup: .zero, length: .seconds(1))
        var tally = LoadTally()
        func record(_ outcome: LoadOutcome, at index: Int) {
            let due = zero + .milliseconds(100 * index)
            tally.record(
                LoadExchange(outcome: outcome, sent: 1_000, received: 100), due: due, begun: due + .milliseconds(3),
                ended: due + .milliseconds(20), counted: true, window: schedule.start..<schedule.end)
        }
        for index in 0..<sent {
            _ = schedule.next(at: zero)
            record(.answered, at: index)
        }
        for outcome in [LoadOutcome.refused(status: 429), .refused(status: 404), .broken] { record(outcome, at: 0) }
        return ServeReport.Phase(snippets: 256, schedule: schedule, tally: tally, share: share)
    }

    private func report(_ phase: ServeReport.Phase) -> ServeReport {
        ServeReport(
            url: "http://127.0.0.1:8080", own: (2, "avx2", "float32"), model: "ucf-crime", form: .npy, clients: 4,
            pace: phase.schedule.pace, warmup: 0, seconds: 1, phases: [phase])
    }

    private func parse(_ report: ServeReport) throws -> (top: JSONValue, phase: JSONValue) {
        let json = try JSONReader.parse(report.json)
        return (json, try #require(json["phases"]?.array?.first))
    }

    @Test("the JSON has its keys, and its counts add up")
    func json() throws {
        let share = try #require(HTTPShare(pairs: [(engine: 9, request: 10)]))
        let (top, phase) = try parse(report(phase(.closed, share: share)))
        #expect(top["own_server"] == .bool(true) && top["workers"]?.integer == 2 && top["kernels"]?.string == "avx2")
        #expect(top["loop"]?.string == "closed" && top["rate"] == .null && top["target"]?.string == "score")
        #expect(phase["requests"]?.integer == 13 && phase["answered"]?.integer == 10)
        let errors = try #require(phase["errors"])
        #expect(errors["total"]?.integer == 3 && errors["broken_connections"]?.integer == 1)
        #expect(errors["failed_jobs"]?.integer == 0)
        let statuses = ["404", "429", "503"].map { errors["statuses"]?[$0]?.integer }
        #expect(statuses == [1, 1, 0])
        #expect(phase["requests_per_second"]?.double == 10 && phase["snippets_per_second"]?.double == 2_560)
        #expect(phase["bytes_sent"]?.integer == 13_000 && phase["bytes_received"]?.integer == 1_300)
        for name in ["p50", "p75", "p90", "p99", "p99.9", "max", "mean"] {
            let value = try #require(phase["latency_ms"]?[name]?.double)
            #expect(abs(value - 20) < 0.03, "\(name) is \(value)")
        }
        #expect(phase["schedule"] == .null)
        #expect(phase["http_share"]?["share"]?.double == 0.1 && phase["http_share"]?["pairs"]?.integer == 1)
    }

    @Test("an open loop says what was due, what was not sent and how far behind it was")
    func openJSON() throws {
        let (top, phase) = try parse(report(phase(.open(rate: 20))))
        #expect(top["loop"]?.string == "open" && top["rate"]?.double == 20)
        let schedule = try #require(phase["schedule"])
        #expect(schedule["due"]?.integer == 20 && schedule["unsent"]?.integer == 10)
        #expect(schedule["behind_ms"]?.double == 500 && schedule["held"] == .bool(false))
        #expect(phase["http_share"] == .null)
    }

    @Test("where nothing was answered there are no latencies, and no numbers made up")
    func nothing() throws {
        let empty = ServeReport.Phase(
            snippets: nil,
            schedule: LoadSchedule(pace: .closed, begin: zero, warmup: .zero, length: .seconds(1)), tally: LoadTally())
        let report = ServeReport(
            url: "http://h:1", own: nil, model: nil, form: .npy, clients: 1, pace: .closed, warmup: 0, seconds: 1,
            phases: [empty])
        let (top, phase) = try parse(report)
        #expect(top["target"]?.string == "livez" && top["workers"] == .null && top["model"] == .null)
        #expect(phase["latency_ms"] == .null && phase["snippets_per_second"] == .null)
        #expect(phase["requests_per_second"]?.integer == 0)
        #expect(report.text.contains("0 of 0 requests answered"))
    }

    @Test("the table has a row a phase under its headings, and a line for each thing to know")
    func text() throws {
        let share = try #require(HTTPShare(pairs: [(engine: 9, request: 10)]))
        let lines = report(phase(.closed, share: share)).text.split(separator: "\n").map(String.init)
        let heading = try #require(lines.first { $0.contains("requests/s") && $0.contains("p99.9") })
        let row = try #require(lines.first { $0.hasPrefix("256 snippets  ") })
        #expect(heading.count == row.count)
        let cells = row.split(separator: " ").dropFirst(2).map(String.init)
        #expect(cells.prefix(2) == ["10.0", "2560"] && cells.count == 9)
        #expect(
            lines.contains { $0.contains("429 x 1") && $0.contains("404 x 1") && $0.contains("broken connections x 1") }
        )
        #expect(lines.contains { $0.contains("HTTP's own share of a lone request's time 10.00 %") })
        #expect(!lines.contains { $0.contains("RATE") })
    }

    @Test("a rate that was held and one that was not are told apart")
    func rates() {
        #expect(report(phase(.open(rate: 10))).text.contains("the rate was held, at most 3.0 ms behind the schedule"))
        let text = report(phase(.open(rate: 20))).text
        #expect(text.contains("THE RATE WAS NOT HELD: 10 of 20 requests"))
        #expect(text.contains("at most 500.0 ms behind"))
    }

    @Test(
        "numbers have as many digits as were asked for",
        arguments: [
            (0.0, 1, "0.0"), (1.25, 3, "1.250"), (0.0449, 2, "0.04"), (-1.5, 1, "-1.5"), (-0.01, 1, "0.0"),
            (12.7, 0, "13"),
        ])
    func fixed(value: Double, digits: Int, text: String) {
        #expect(ReportText.fixed(value, digits) == text)
    }
}
