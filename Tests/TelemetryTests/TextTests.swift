import TestSupport
import Testing

@testable import Telemetry

@Suite("Metrics as text")
struct TextTests {
    private let requests = Family(
        "x_requests_total", .counter, labels: ["route", "status"], "Requests; a \"quoted\" \\ word\nand a line.")
    private let times = Family(
        "x_wait_seconds", .histogram, in: .seconds, labels: ["phase"], bounds: [1_000_000, 2_500_000, 1_000_000_000],
        "Time.")

    private func text(_ format: TextFormat, _ write: (inout TextWriter) -> Void) -> String {
        var writer = TextWriter(format)
        write(&writer)
        writer.end()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private func counters() -> Counters {
        let counters = Counters(requests, [.init(["/jobs/{id}", "200"]), .init(["/", "500"], isHidden: true)])
        counters.add(3, to: 0)
        return counters
    }

    @Test("Prometheus 0.0.4: help without escaped quotes, the name with its ending, no unit and no end")
    func prometheus() {
        let found = text(.prometheus) { text in
            text.begin(requests)
            counters().write(to: &text)
        }
        #expect(
            found == """
                # HELP x_requests_total Requests; a "quoted" \\\\ word\\nand a line.
                # TYPE x_requests_total counter
                x_requests_total{route="/jobs/{id}",status="200"} 3

                """)
    }

    @Test("OpenMetrics 1.0: the family without its ending, quotes escaped, and the mark at the end")
    func openMetrics() {
        let found = text(.openMetrics) { text in
            text.begin(requests)
            counters().write(to: &text)
        }
        #expect(
            found == """
                # HELP x_requests Requests; a \\"quoted\\" \\\\ word\\nand a line.
                # TYPE x_requests counter
                x_requests_total{route="/jobs/{id}",status="200"} 3
                # EOF

                """)
    }

    @Test("a histogram's buckets add up, end with infinity, and go by the same names in both formats")
    func histogram() {
        let histograms = Histograms(times, [.init(["wait"])])
        for value in [0, 1_000_000, 1_000_001, 9_000_000_000, -5] { histograms.observe(value) }
        let expected = """
            x_wait_seconds_bucket{phase="wait",le="0.001"} 3
            x_wait_seconds_bucket{phase="wait",le="0.0025"} 4
            x_wait_seconds_bucket{phase="wait",le="1.0"} 4
            x_wait_seconds_bucket{phase="wait",le="+Inf"} 5
            x_wait_seconds_sum{phase="wait"} 9.002000001
            x_wait_seconds_count{phase="wait"} 5

            """
        #expect(text(.prometheus) { histograms.write(to: &$0) } == expected)
        #expect(text(.openMetrics) { histograms.write(to: &$0) } == expected + "# EOF\n")
    }

    @Test("an exemplar stands behind its bucket in OpenMetrics, and nowhere in Prometheus' format")
    func exemplars() {
        let histograms = Histograms(times, [.init(["wait"])])
        histograms.observe(2_000_000, trace: "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(!text(.prometheus) { histograms.write(to: &$0) }.contains("trace_id"))
        let lines = text(.openMetrics) { histograms.write(to: &$0) }.split(separator: "\n")
        let marked = lines.filter { $0.contains("trace_id") }
        #expect(marked.count == 1)
        #expect(
            marked.first?.hasPrefix(
                "x_wait_seconds_bucket{phase=\"wait\",le=\"0.0025\"} 1 # {trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"} 0.002 "
            ) == true)
    }

    @Test("an exemplar has no more than the 128 characters that OpenMetrics allows")
    func longTrace() {
        let exemplar = Exemplar(traceID: String(repeating: "é", count: 500), value: 1, milliseconds: 1)
        #expect(exemplar.traceID.unicodeScalars.count + "trace_id".count == 128)
    }

    @Test("what is kept in nanoseconds is written in seconds, in all its digits")
    func seconds() {
        let family = Family("x_seconds", .gauge, in: .seconds, "")
        let values = [0: "0", 1: "0.000000001", 1_500_000_000: "1.5", 60_000_000_000: "60", -250_000_000: "-0.25"]
        for (value, expected) in values {
            #expect(text(.prometheus) { $0.sample(family, [], value) } == "x_seconds \(expected)\n")
        }
        #expect(text(.prometheus) { $0.sample(family, [], Int.max) } == "x_seconds 9223372036.854775807\n")
        #expect(text(.prometheus) { $0.sample(family, [], Int.min) } == "x_seconds -9223372036.854775808\n")
    }

    @Test("numbers that are none have the names that both formats know")
    func noNumbers() {
        let family = Family("x", .gauge, "")
        let values: [(Double, String)] = [(.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"), (1e-5, "1e-05")]
        for (value, expected) in values {
            #expect(text(.openMetrics) { $0.sample(family, of: value) } == "x \(expected)\n# EOF\n")
        }
    }

    @Test("a label's value of any bytes stays in its line and its quotes, and reads back to what it was")
    func escaping() throws {
        var random = SeededRandom(seed: 21)
        let family = Family("x", .gauge, labels: ["a", "b"], "")
        let alphabet: [Character] = [
            "\"", "\\", "\n", "n", "}", "{", ",", "=", " ", "#", "é", "\u{301}", "\r", "\u{0}",
        ]
        for _ in 0..<2_000 {
            let values = (0..<2).map { _ in
                String(
                    (0..<Int.random(in: 0...8, using: &random)).compactMap { _ in alphabet.randomElement(using: &random)
                    })
            }
            let line = text(.prometheus) { $0.sample(family, values, 7) }
            #expect(line.utf8.filter { $0 == UInt8(ascii: "\n") }.count == 1)
            let read = try #require(SampleLine(line))
            #expect(read.name == "x" && read.value == "7")
            #expect(read.labels.map(\.name) == ["a", "b"])
            #expect(read.labels.map { Array($0.value.utf8) } == values.map { Array($0.utf8) })
        }
    }

    @Test("every number that is written reads back to itself")
    func numbers() {
        var random = SeededRandom(seed: 4)
        let family = Family("x", .counter, "")
        for _ in 0..<2_000 {
            let value = Int.random(in: .min ... .max, using: &random) >> Int.random(in: 0..<64, using: &random)
            let line = text(.prometheus) { $0.sample(family, [], value) }
            #expect(SampleLine(line)?.value == "\(value)")
        }
    }
}

/// A sample as a reader by the grammar of the format has it.
struct SampleLine {
    let name: String
    var labels: [(name: String, value: String)] = []
    let value: String

    init?(_ line: String) {
        var bytes = Array(line.utf8)[...]
        guard bytes.popLast() == UInt8(ascii: "\n") else { return nil }
        func take(upTo ends: String) -> String {
            let part = bytes.prefix { !ends.utf8.contains($0) }
            bytes = bytes.dropFirst(part.count)
            return String(decoding: part, as: UTF8.self)
        }
        name = take(upTo: "{ ")
        if bytes.first == UInt8(ascii: "{") {
            repeat {
                bytes = bytes.dropFirst()
                let label = take(upTo: "=")
                bytes = bytes.dropFirst(2)
                guard let value = Self.quoted(&bytes) else { return nil }
                labels.append((label, value))
            } while bytes.first == UInt8(ascii: ",")
            guard bytes.popFirst() == UInt8(ascii: "}") else { return nil }
        }
        guard bytes.popFirst() == UInt8(ascii: " ") else { return nil }
        value = String(decoding: bytes, as: UTF8.self)
    }

    private static func quoted(_ bytes: inout ArraySlice<UInt8>) -> String? {
        var value: [UInt8] = []
        while let byte = bytes.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: value, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let escaped = bytes.popFirst() else { return nil }
                value.append(escaped == UInt8(ascii: "n") ? UInt8(ascii: "\n") : escaped)
            default: value.append(byte)
            }
        }
        return nil
    }
}
