import Platform
import Synchronization

/// The series of a histogram that are known from the start, each by its index.
///
/// To measure is two atomic additions: one of a bucket and one of the sum. The buckets are added up when they are written,
/// so that a count is never less than what its buckets say.
public final class Histograms: Sendable {
    private struct Lines {
        let buckets: [[UInt8]]
        let sum: [UInt8]
        let count: [UInt8]

        init(_ family: Family, _ labels: [String]) {
            let ends = family.bounds.map { TextWriter.bound($0, family.unit) } + ["+Inf"]
            buckets = ends.map { TextWriter.beginning(of: family, ending: "_bucket", labels: labels, bound: $0) }
            sum = TextWriter.beginning(of: family, ending: "_sum", labels: labels)
            count = TextWriter.beginning(of: family, ending: "_count", labels: labels)
        }
    }

    /// What the series are of.
    public let family: Family
    private let lines: [Lines]
    private let isHidden: [Bool]
    private let cells: Cells
    private let exemplars: Mutex<[Int: Exemplar]> = Mutex([:])
    private var bounds: [Int] { family.bounds }
    /// The cells of a series: its buckets, the last one without an end, and the sum.
    private var width: Int { family.bounds.count + 2 }

    /// Histograms in which nothing has been counted.
    public init(_ family: Family, _ series: [Counters.Series] = [Counters.Series([])]) {
        precondition(family.kind == .histogram && family.bounds == family.bounds.sorted())
        self.family = family
        lines = series.map { Lines(family, $0.labels) }
        isHidden = series.map(\.isHidden)
        cells = Cells(count: series.count * (family.bounds.count + 2))
    }

    /// Counts a measurement; a negative one, which a clock that was set back makes, counts as zero.
    ///
    /// - Parameters:
    ///   - value: what was seen, in the unit of the bounds
    ///   - series: which of the labels
    ///   - trace: the trace that it belongs to, where that is recorded
    public func observe(_ value: Int, in series: Int = 0, trace: String? = nil) {
        let value = max(value, 0)
        let start = series * width
        var bucket = 0
        while bucket < bounds.count, value > bounds[bucket] { bucket += 1 }
        cells.add(1, at: start + bucket)
        cells.add(value, at: start + width - 1)
        if let trace { keep(Exemplar(traceID: trace, value: value), at: start + bucket) }
    }

    /// Counts a time.
    public func observe(_ time: Duration, in series: Int = 0, trace: String? = nil) {
        observe(Int(time.wholeNanoseconds), in: series, trace: trace)
    }

    /// The last example of each bucket is kept. Few requests are traced; where two are at a time one of them is left out.
    private func keep(_ exemplar: Exemplar, at cell: Int) {
        _ = exemplars.withLockIfAvailable { $0[cell] = exemplar }
    }

    /// How many measurements a series has.
    public func count(in series: Int = 0) -> Int {
        (0..<width - 1).reduce(0) { $0 + cells[series * width + $1] }
    }

    /// The sum of a series' measurements.
    public func sum(in series: Int = 0) -> Int { cells[series * width + width - 1] }

    /// Writes the samples.
    public func write(to text: inout TextWriter) {
        let exemplars = text.format == .openMetrics ? exemplars.withLock { $0 } : [:]
        for (series, lines) in lines.enumerated() {
            let start = series * width
            if isHidden[series], count(in: series) == 0 { continue }
            var count = 0
            for (bucket, line) in lines.buckets.enumerated() {
                count += cells[start + bucket]
                text.sample(line, count, .none, exemplar: exemplars[start + bucket], of: family.unit)
            }
            text.sample(lines.sum, cells[start + width - 1], family.unit)
            text.sample(lines.count, count, .none)
        }
    }
}

/// One measurement among many, and where more is known of it.
struct Exemplar: Sendable, Equatable {
    /// What OpenMetrics allows an exemplar's labels: 128 characters, those of `trace_id` among them.
    static let longest = 128 - "trace_id".utf8.count

    let traceID: String
    let value: Int
    /// When it was measured, since 1970.
    let milliseconds: Int

    init(traceID: String, value: Int) {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        self.init(
            traceID: traceID, value: value, milliseconds: Int(time.tv_sec) * 1_000 + Int(time.tv_nsec) / 1_000_000)
    }

    init(traceID: String, value: Int, milliseconds: Int) {
        self.traceID = String(traceID.unicodeScalars.prefix(Self.longest))
        self.value = value
        self.milliseconds = milliseconds
    }
}
