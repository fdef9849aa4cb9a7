import Foundation
import TestSupport
import Testing

@testable import Telemetry

/// What is deployed and what is told of metrics goes by the table.
@Suite("Dashboard, alert rules and pages use metrics that there are")
struct FilesTests {
    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: Paths.root + "/" + path, encoding: .utf8)
    }

    @Test("docs/metrics.md has each family of the table once, as the table has it, and no other")
    func page() throws {
        let rows = try Self.text("docs/metrics.md").split(separator: "\n").filter {
            $0.hasPrefix("| `vigil_") || $0.hasPrefix("| `process_")
        }
        let expected = Family.all.map { family in
            let labels = family.labels.map { "`\($0)`" }.joined(separator: ", ")
            return "| `\(family.name)` | \(family.kind.rawValue) | \(labels) | \(family.help) |"
        }
        #expect(Set(rows.map(String.init)).symmetricDifference(expected).sorted() == [])
        #expect(rows.count == expected.count)
    }

    @Test("docs/metrics.md has each reason of a refusal once")
    func reasons() throws {
        let page = try Self.text("docs/metrics.md")
        let table = page[try #require(page.range(of: "| reason | status |")).upperBound...]
        let rows = table.split(separator: "\n").dropFirst().filter { $0.hasPrefix("| `") }
        let found = rows.compactMap { $0.split(separator: "`").dropFirst().first.map(String.init) }
        #expect(found.sorted() == Family.Shortage.allCases.map(\.rawValue).sorted())
    }

    @Test("each query of the dashboard asks for metrics and labels that there are")
    func dashboard() throws {
        let json = try JSONSerialization.jsonObject(with: Data(Self.text("deploy/grafana/vigil.json").utf8))
        let queries = Self.strings(in: json, under: ["expr", "query"]).filter { $0.contains("(") || $0.contains("{") }
        #expect(queries.count > 50, "too few queries were found for the rule to mean anything")
        for query in queries { #expect(Query(query).faults == [], "\(query)") }
    }

    @Test("each family is on the dashboard, audit log and traces too, but for what another one tells as well")
    func shown() throws {
        let text = try Self.text("deploy/grafana/vigil.json")
        let names = Set(text.split { !$0.isLetter && $0 != "_" }.map(String.init))
        let absent = Family.all.filter { names.isDisjoint(with: $0.sampleNames) }.map(\.name)
        #expect(absent == ["vigil_accepting_jobs"], "vigil_ready tells it")
    }

    @Test("each alert asks for metrics and labels that there are")
    func alerts() throws {
        let rules = try Self.rules()
        #expect(rules.count > 15)
        for rule in rules { #expect(Query(rule.query).faults == [], "\(rule.name): \(rule.query)") }
    }

    @Test("each alert has a paragraph in docs/runbook.md, and each paragraph its alert")
    func runbook() throws {
        let headings = try Self.text("docs/runbook.md").split(separator: "\n").filter { $0.hasPrefix("## ") }
        #expect(headings.map { String($0.dropFirst(3)) } == (try Self.rules()).map(\.name))
        let annotations = try Self.text("deploy/prometheus/alerts.yaml").split(separator: "\n")
            .filter { $0.contains("runbook_url: ") }.compactMap { $0.split(separator: "#").last.map(String.init) }
        #expect(annotations == (try Self.rules()).map { $0.name.lowercased() })
    }

    @Test("each alert has a case in which it fires and one in which it does not")
    func cases() throws {
        let lines = try Self.text("deploy/prometheus/alerts.test.yaml").split(separator: "\n")
        for rule in try Self.rules() {
            let names = ["  - name: '\(rule.name)'", "  - name: '\(rule.name) is quiet'"]
            for name in names { #expect(lines.filter { $0 == name }.count == 1, "\(name)") }
        }
    }

    @Test(
        "a metric, a label or a reason that there is not is noticed",
        arguments: [
            "rate(vigil_requests_total[5m])", "vigil_queue_jobs{reason=\"x\"}", "vigil_job_wait_seconds",
            "vigil_refused_total{reason=\"full\"}", "sum by (colour) (vigil_queue_jobs)",
        ])
    func noticed(_ query: String) { #expect(Query(query).faults.count == 1) }

    @Test("what is no metric is not taken for one")
    func passed() {
        let query =
            "histogram_quantile(0.9, sum by (le, instance) (rate(vigil_job_wait_seconds_bucket{job=~\"a\",le=\"1.0\"}[5m])))"
        #expect(Query(query).faults == [] && Query("up{job=\"vigil_x\"} == 0").faults == [])
    }

    private static func rules() throws -> [(name: String, query: String)] {
        var rules: [(name: String, query: String)] = []
        for line in try text("deploy/prometheus/alerts.yaml").split(separator: "\n") {
            let line = line.trimmingCharacters(in: .whitespaces)
            if line.hasPrefix("- alert: ") { rules.append((String(line.dropFirst(9)), "")) }
            if line.hasPrefix("expr: '"), !rules.isEmpty {
                rules[rules.count - 1].query = line.dropFirst(7).dropLast().replacingOccurrences(of: "''", with: "'")
            }
        }
        return rules
    }

    private static func strings(in json: Any, under keys: Set<String>) -> [String] {
        switch json {
        case let list as [Any]: list.flatMap { strings(in: $0, under: keys) }
        case let object as [String: Any]:
            object.flatMap { key, value -> [String] in
                if keys.contains(key), let text = value as? String { return [text] }
                return strings(in: value, under: keys)
            }
        default: []
        }
    }
}

/// A query in PromQL, as far as its names go.
struct Query {
    /// What it asks for that there is not.
    private(set) var faults: [String] = []

    private static let others: Set = ["up"]
    /// What Prometheus gives every series.
    private static let labelsOfAll: Set = ["job", "instance", "le"]
    private static let groupings: Set = ["by", "without", "on", "ignoring"]

    init(_ query: String) {
        let pattern = /"(?:[^"\\]|\\.)*"|[A-Za-z_:][A-Za-z0-9_:]*|\$[A-Za-z_]+|[0-9.]+[a-z]*|=~|!~|!=|==|\S/
        let tokens = query.matches(of: pattern).map { String(query[$0.range]) }
        var asked: Set<String> = []
        var index = 0
        var grouped: [String] = []
        while index < tokens.count {
            let token = tokens[index]
            if Self.groupings.contains(token), tokens.dropFirst(index + 1).first == "(" {
                let names = tokens[(index + 2)...].prefix { $0 != ")" }
                grouped += names.filter { $0 != "," }
                index += 2 + names.count
            } else if token.hasPrefix("vigil_") || token.hasPrefix("process_") || Self.others.contains(token) {
                index += check(token, tokens[(index + 1)...], &asked)
            }
            index += 1
        }
        let known = asked.union(Self.labelsOfAll)
        faults += grouped.filter { !known.contains($0) }
    }

    /// Looks at a metric and its selectors; says how many tokens those are.
    private mutating func check(_ name: String, _ rest: ArraySlice<String>, _ asked: inout Set<String>) -> Int {
        let family = Family.all.first { $0.sampleNames.contains(name) }
        if family == nil, !Self.others.contains(name) { faults.append(name) }
        asked.formUnion(family?.labels ?? [])
        guard rest.first == "{" else { return 0 }
        let selectors = Array(rest.dropFirst().prefix { $0 != "}" })
        for start in stride(from: 0, to: selectors.count - 2, by: 4) {
            let (label, value) = (selectors[start], selectors[start + 2])
            if family != nil, !(family?.labels ?? []).contains(label), !Self.labelsOfAll.contains(label) {
                faults.append("\(name){\(label)}")
            }
            let known = Self.values(of: label, in: family)
            let asked = value.dropFirst().dropLast().split(separator: "|").map(String.init)
            if !known.isEmpty { faults += asked.filter { !known.contains($0) } }
        }
        return selectors.count + 2
    }

    /// The values of a label whose values the program knows.
    private static func values(of label: String, in family: Family?) -> [String] {
        switch (family, label) {
        case (.refused, "reason"): Family.Shortage.allCases.map(\.rawValue)
        case (.handshakes, "outcome"): Family.HandshakeOutcome.allCases.map(\.rawValue)
        case (.callbackTries, "outcome"): Family.CallbackOutcome.allCases.map(\.rawValue)
        case (.jobsNow, "status"), (.jobsEnded, "status"):
            ["queued", "running", "succeeded", "failed", "cancelled"]
        case (.queueJobs, "priority"), (.queueOldest, "priority"): ["low", "normal", "high"]
        default: []
        }
    }
}
