import Platform
import TestSupport
import Testing

@testable import Telemetry

@Suite("Counting")
struct SeriesTests {
    private let seconds = Family("x_seconds_total", .counter, in: .seconds, labels: ["key"], "")

    @Test("what many threads count at a time is all counted")
    func threads() async {
        let counters = Counters(Family("x_total", .counter, labels: ["a"], ""), values: ["1", "2"])
        let histograms = Histograms(Family("x", .histogram, bounds: [10, 20], ""))
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    for value in 0..<1_000 {
                        counters.add(to: value % 2)
                        histograms.observe(value % 30)
                    }
                }
            }
        }
        #expect(counters[0] == 4_000 && counters[1] == 4_000)
        #expect(histograms.count() == 8_000)
        #expect(histograms.sum() == 8 * (0..<1_000).reduce(0) { $0 + $1 % 30 })
    }

    @Test("of names from outside the first so many have a series, and the rest one together")
    func named() {
        let counters = NamedCounters(seconds, limit: 2, known: ["alice"])
        for name in ["bob", "carol", "dave", "alice", "other"] { counters.add(.seconds(1), to: name) }
        var text = TextWriter(.prometheus)
        counters.write(to: &text)
        #expect(
            String(decoding: text.bytes, as: UTF8.self) == """
                x_seconds_total{key="alice"} 1
                x_seconds_total{key="bob"} 1
                x_seconds_total{key="other"} 3

                """)
    }

    @Test("names that Unicode holds to be alike are two")
    func bytes() {
        let counters = NamedCounters(seconds, limit: 8)
        counters.add(.seconds(1), to: "\u{e9}")
        counters.add(.seconds(2), to: "e\u{301}")
        #expect(counters["\u{e9}"] == 1_000_000_000 && counters["e\u{301}"] == 2_000_000_000)
    }

    @Test("sums of histograms of two servers are the histogram of both")
    func sums() {
        var random = SeededRandom(seed: 9)
        let all = (0..<3).map { _ in Histograms(Family("x", .histogram, bounds: Family.requestTimes, "")) }
        for _ in 0..<500 {
            let value = Int.random(in: 0...100_000_000_000, using: &random) >> Int.random(in: 0..<30, using: &random)
            all[Int.random(in: 0...1, using: &random)].observe(value)
            all[2].observe(value)
        }
        #expect(all[0].count() + all[1].count() == all[2].count())
        #expect(all[0].sum() + all[1].sum() == all[2].sum())
    }

    @Test("a registry writes its families in their order, each with its head, and ends once")
    func registry() {
        var registry = Registry<Int>()
        let counter = Counters(Family("a_total", .counter, "A."))
        registry.add(counter)
        registry.add(Family("b", .gauge, "B.")) { $0 }
        counter.add()
        #expect(
            String(decoding: registry.text(5, as: .openMetrics), as: UTF8.self) == """
                # HELP a A.
                # TYPE a counter
                a_total 1
                # HELP b B.
                # TYPE b gauge
                b 5
                # EOF

                """)
        #expect(registry.families.map(\.name) == ["a_total", "b"])
    }
}

@Suite("What the system says of the process")
struct ProcessReadingTests {
    @Test("this process has memory, descriptors, and began before now")
    func here() {
        let reading = ProcessReading()
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        #expect(reading.residentBytes > 1 << 20 && reading.virtualBytes > reading.residentBytes)
        #expect(reading.openDescriptors > 2 && reading.mostDescriptors > reading.openDescriptors)
        #expect(reading.began > 1_000_000_000_000_000_000 && reading.began / 1_000_000_000 <= Int(now.tv_sec))
    }

    @Test("a program whose name has parentheses and blanks is read like another", arguments: ["vigil", "a) R 1 (b"])
    func name(_ name: String) {
        let fields = (3...52).map { "\($0)" }.joined(separator: " ")
        var reading = ProcessReading()
        reading.read(status: Array("17 (\(name)) \(fields)\n".utf8))
        #expect(reading.virtualBytes == 23 && reading.residentBytes == 24 * sysconf(Int32(_SC_PAGESIZE)))
    }

    @Test("what is no status changes nothing", arguments: ["", "1 (a", "1 (a) S 1 2"])
    func damaged(_ text: String) {
        var reading = ProcessReading()
        let before = reading
        reading.read(status: Array(text.utf8))
        #expect(reading == before)
    }
}
